"""Where on the screen the places of a map are."""

import numpy as np

SHOW = "row => distaff.show(distaff.run.codeOf(row), {row, condition: distaff.run.conditionOf(row)})"


class Chart:
    """The map of the open view, whose `points` [n, 2] are where the bundle says that the pictures lie."""

    def __init__(self, visited, points):
        self.visited, self.points = visited, points
        self.surface = visited.page.get_by_role("application")
        self.fit()

    def fit(self):
        """Learn from where the page marks three pictures how it draws the plane."""
        far = np.argsort(np.linalg.norm(self.points - self.points.mean(axis=0), axis=1))
        rows = [far[-1], far[0], far[len(far) // 2]]
        spots = np.array([self.spot(int(row)) for row in rows])
        places = self.points[rows]
        (self.scale, self.x), (rise, self.y) = (np.polyfit(places[:, i], spots[:, i], 1) for i in (0, 1))
        # One scale for both, and upwards is positive.
        np.testing.assert_allclose(rise, -self.scale, rtol=0.02)

    def spot(self, row):
        """Return where the page marks a picture, in pixels of the map."""
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
        """Return pixels all over the map but for its rim, where the buttons are."""
        box = self.surface.bounding_box()
        shares = np.random.default_rng(seed).uniform(0.08, 0.9, (count, 2))
        return np.rint(shares * [box["width"], box["height"]])
