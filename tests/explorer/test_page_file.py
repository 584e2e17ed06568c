"""A mailed page: offline it asks for nothing, its address restores the view, and its policy holds."""

import numpy as np
import pytest
from visiting import assert_same

WITHOUT_WORKERS = "delete window.Worker"
REFUSED = """async () => {
  const told = new Promise((resolve) => addEventListener("securitypolicyviolation", resolve));
  await fetch("http://127.0.0.1:9/").catch(() => {});
  return (await told).effectiveDirective;
}"""
NONSENSE = [
    "#view=nowhere&z=1_2&map=99",
    "#view=__proto__&z=NaN_NaN&colour=-1&hide=999999",
    "#z=1e999_0&row=1e9&t=7&a=0_0&b=&latent=55",
    "#%00%ff&&&===&view=map&map=7x9&run=3",
    "#theme=<script>&path=../..&pictures=2",
]


def test_a_page_alone_draws_a_picture(visits, classes):
    with visits(classes.file) as visited:
        assert visited.page.get_by_role("heading", level=1).inner_text() == "classes"
        assert visited.page.title().startswith("classes")
        assert_same(visited.live, classes.model.decode(visited.code[None])[0])
        assert visited.page.evaluate("distaff.engine.place") == "worker"
        assert visited.others == []


def test_a_page_whose_host_forbids_workers_decodes_by_itself(browser, classes):
    from visiting import Visit

    context = browser.new_context(offline=True)
    context.add_init_script(WITHOUT_WORKERS)
    visited = Visit(context.new_page(), classes.file.as_uri()).ready()
    assert visited.page.evaluate("distaff.engine.place") == "page"
    assert_same(visited.live, classes.model.decode(visited.code[None])[0])
    visited.check()
    context.close()


def test_the_address_restores_the_view(visits, classes):
    with visits(classes.file) as visited:
        page = visited.page
        page.get_by_role("slider", name=classes.model.latents[0].label, exact=True).press("End")
        page.get_by_role("group", name="Shown classes").get_by_role("button", name="3").click()
        page.get_by_role("button", name="Dark page").click()
        visited.open("Mix")
        page.get_by_role("radio", name="spherical").check()
        page.get_by_role("slider", name="Place on the way from A to B").press("End")
        code, picture = visited.code, visited.live
        page.wait_for_timeout(400)
        fragment = page.evaluate("location.hash")
    with visits(classes.file, fragment) as again:
        assert again.page.get_by_role("tab", name="Mix").get_attribute("aria-selected") == "true"
        assert again.page.get_by_role("radio", name="spherical").is_checked()
        assert again.page.get_by_role("button", name="Light page").is_visible()
        np.testing.assert_allclose(again.code, code, atol=1e-4)
        np.testing.assert_allclose(again.live.astype(int), picture, atol=1)
        again.open("Map")
        chip = again.page.get_by_role("group", name="Shown classes").get_by_role("button", name="3")
        assert chip.get_attribute("aria-pressed") == "false"
        # The page also follows an address that is changed under it, as by the back button.
        again.page.evaluate("location.hash = 'view=numbers&theme=light'")
        again.page.get_by_role("button", name="Dark page").wait_for()
        assert again.page.get_by_role("tab", name="Numbers").get_attribute("aria-selected") == "true"


def test_an_address_that_makes_no_sense_is_no_harm(visits, classes):
    with visits(classes.file, NONSENSE[0]) as visited:
        for fragment in NONSENSE:
            visited.page.evaluate("hash => { location.hash = hash; }", fragment)
            visited.settle()
            assert np.isfinite(visited.code).all()
            assert visited.page.get_by_role("alert").filter(visible=True).count() == 0
            assert visited.page.get_by_role("tabpanel").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_readers(visits, classes, scheme):
    with visits(classes.file, color_scheme=scheme) as visited:
        levels = visited.page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert (max(levels[:3]) < 60) == (scheme == "dark")


def test_the_policy_stops_a_page_from_calling_out(browser, classes):
    context = browser.new_context()
    page = context.new_page()
    page.goto(classes.file.as_uri())
    assert page.evaluate(REFUSED) == "connect-src"
    context.close()
