"""Where on the screen the places of a map are."""

import numpy as np

SHOW = "row => distaff.showRow(row)"


class Chart:
    """The map of the open view, whose `points` [n, 2] are where the bundle says that the images lie."""

    def __init__(self, visited, points):
        self.visited, self.points = visited, points
        self.surface = visited.page.get_by_role("application")
        self.fit()

    def fit(self):
        """Learn from where the page marks the outermost images how it draws the plane."""
        rows = [*self.points.argmin(axis=0), *self.points.argmax(axis=0)]
        spots = np.array([self.spot(int(row)) for row in rows])
        places = self.points[rows]
        (self.scale, self.x), (rise, self.y) = (np.polyfit(places[:, i], spots[:, i], 1) for i in (0, 1))
        # One scale for both, and upwards is positive.
        np.testing.assert_allclose(rise, -self.scale, rtol=0.02)

    def spot(self, row):
        """Return where the page marks an image, in pixels of the map."""
        self.visited.page.evaluate(SHOW, row)
        return self.marked

    @property
    def marked(self):
        self.visited.settle()
        return [
            float(each) for each in self.surface.locator("xpath=..").get_attribute("data-marker").split(",")
        ]

    def to_screen(self, place):
        return self.x + place[0] * self.scale, self.y - place[1] * self.scale

    def to_map(self, x, y):
        return np.array([(x - self.x) / self.scale, (self.y - y) / self.scale])

    def client(self, x, y):
        box = self.surface.bounding_box()
        return box["x"] + x, box["y"] + y

    def click(self, x, y):
        self.visited.page.mouse.click(*self.client(x, y))
        self.visited.settle()

    def hover(self, x, y):
        self.visited.page.mouse.move(*self.client(x, y))
        self.visited.settle()

    def random_places(self, count, seed=0):
        """Return pixels all over the map but for its margin, where the buttons are."""
        box = self.surface.bounding_box()
        shares = np.random.default_rng(seed).uniform(0.08, 0.9, (count, 2))
        return np.rint(shares * [box["width"], box["height"]])

    def drag(self, start, end):
        """Press at one place of the map and release at another."""
        self.visited.page.mouse.move(*self.client(*start))
        self.visited.page.mouse.down()
        self.visited.page.mouse.move(*self.client(*end), steps=6)
        self.visited.page.mouse.up()
        self.visited.settle()

    def far_place(self):
        """Return the pixel of the map that is farthest from all points."""
        places = self.random_places(400)
        return max(places, key=lambda at: np.linalg.norm(self.points - self.to_map(*at), axis=1).min())

    def lonely(self):
        """Return the row of a point that has no other one near, so that the pointer finds it and no other."""
        apart = np.linalg.norm(self.points[:, None] - self.points[None], axis=-1)
        np.fill_diagonal(apart, np.inf)
        box = self.surface.bounding_box()
        spots = np.array([self.to_screen(place) for place in self.points])
        inside = ((spots > 30) & (spots < [box["width"] - 60, box["height"] - 30])).all(axis=1)
        return int(np.where(inside, apart.min(axis=1), -1).argmax())
