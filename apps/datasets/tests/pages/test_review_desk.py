"""The review page in a browser: by keyboard, mouse and touch, never a lost or doubled decision."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import Count
from playwright.sync_api import Locator, Page, Route, expect

from apps.datasets import actions
from apps.datasets.models import Annotation, Dataset, Membership, Review, Role, Sample
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.pages.conftest import PHONE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

REVIEW = "/datasets/pets/review/"
# A batch of 24 is on the screen as a whole.
TALL = {"viewport": {"width": 1280, "height": 1400}}


def cells(page: Page) -> Locator:
    return page.locator("#batch .pick:not(.gone)")


def seen(page: Page, number: int) -> None:
    """Everything in the grid has been on the screen."""
    expect(page.locator("#accept:enabled span")).to_have_text(f"Accept all {number}")


def key_of(cell: Locator) -> int:
    return int(cell.get_attribute("data-sample") or 0)


def status(page: Page) -> Locator:
    return page.locator("#status")


def saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("saved")


@pytest.fixture
def eve(dataset: Dataset) -> Any:
    member = make_member("eve")
    Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
    return member


@pytest.fixture
def cats(contribute: Any) -> list[Sample]:
    """Sixty pending cats of Ben's: more than two batches of 24."""
    batch = contribute({f"cat/{n}.png": make_image(n) for n in range(60)})
    return list(batch.samples.order_by("pk"))


# ------------------------------------------------------------------------------------- deciding


def test_a_batch_is_reviewed_by_keyboard_alone(
    visit: Visit, samples: Any, cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    heading = page.locator("h3").first
    expect(heading).to_have_text("Is each of these “cat”?")

    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#where")).to_have_text("2 selected · 0 of 5 decided")
    page.keyboard.press("2")
    expect(status(page)).to_have_text("Now “dog” and accepted: 2.")
    page.keyboard.press("r")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("Rejected: 1.")
    seen(page, 2)
    page.keyboard.press("a")
    expect(heading).to_have_text("Is each of these “dog”?")
    seen(page, 5)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Everything is reviewed")).to_be_visible()

    assert Review.objects.filter(decision="fix", label__name="dog").count() == 2
    assert Review.objects.get(decision="reject").reason == "ambiguous"
    assert not Sample.objects.filter(status="pending").exists()


def test_what_is_skipped_goes_to_somebody_else(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace, eve: Any
) -> None:
    chen = visit(cast.chen, REVIEW)
    first = key_of(cells(chen).first)
    chen.keyboard.press("s")
    expect(status(chen)).to_have_text("Skipped: 1. They go to somebody else.")
    expect(cells(chen)).to_have_count(4)

    other = visit(eve, REVIEW)
    expect(cells(other)).to_have_count(1)
    assert key_of(cells(other).first) == first

    chen.keyboard.press("u")  # a slip: but somebody else has it by now
    saved(chen)
    assert Sample.objects.get(pk=first).leased_to == eve


def test_a_skip_is_undone_like_anything_else(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    page.keyboard.press("s")
    expect(cells(page)).to_have_count(4)
    page.keyboard.press("u")
    expect(cells(page)).to_have_count(5)
    page.reload()
    expect(cells(page)).to_have_count(5)


def test_full_size_with_zoom_and_arrows(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    addresses = [cells(page).nth(n).get_attribute("data-image") for n in range(cells(page).count())]
    viewer, image = page.locator("#viewer"), page.locator("#viewer-image")

    page.keyboard.press("f")
    expect(viewer).to_be_visible()
    expect(image).to_have_attribute("src", addresses[0] or "")
    page.keyboard.press("ArrowRight")
    expect(image).to_have_attribute("src", addresses[1] or "")
    page.keyboard.press("+")
    expect(image).to_have_class(re.compile("zoom-1"))
    page.keyboard.press("ArrowRight")  # enlarged, it moves the picture
    expect(image).to_have_attribute("src", addresses[1] or "")
    page.keyboard.press("-")
    expect(image).to_have_class(re.compile("fit"))
    page.get_by_role("button", name="The one before").click()
    expect(image).to_have_attribute("src", addresses[0] or "")
    page.keyboard.press("a")  # decides nothing while something lies over the grid
    page.keyboard.press("f")
    expect(viewer).to_be_hidden()
    expect(cells(page).first).to_be_focused()
    expect(cells(page)).to_have_count(5)
    assert not Review.objects.exists()


def test_rejecting_for_another_reason_needs_a_note(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    cells(page).nth(1).click()
    page.get_by_role("button", name="Reject").first.click()
    dialog = page.locator("#reasons")
    dialog.locator("[value=other]").check()
    dialog.get_by_role("button", name="Reject").click()
    expect(dialog).to_be_visible()  # the note is missing
    page.locator("#note").fill("a drawing")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("Rejected: 1.")

    found = Review.objects.get()
    assert (found.reason, found.note, found.sample) == ("other", "a drawing", samples[2])


def test_fix_and_accept_with_the_mouse(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    cells(page).nth(0).click()
    cells(page).nth(2).click()
    page.locator("#classes").get_by_role("button", name="dog").click()
    expect(status(page)).to_have_text("Now “dog” and accepted: 2.")

    fixed = Sample.objects.filter(status="approved").order_by("pk")
    assert [(each.pk, each.label.name) for each in fixed] == [
        (samples[0].pk, "dog"),
        (samples[4].pk, "dog"),
    ]


# ----------------------------------------------------------------------------------------- undo


def test_undo_brings_a_decision_back_in_place(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    page.evaluate("window.sameVisit = true")
    page.keyboard.press("2")
    expect(cells(page)).to_have_count(4)
    page.keyboard.press("u")
    expect(cells(page)).to_have_count(5)
    expect(cells(page).first).to_be_focused()
    expect(page.locator("#where")).to_have_text("0 of 5 decided")
    assert page.evaluate("window.sameVisit")
    assert not Sample.objects.exclude(status="pending").exists()


@pytest.mark.parametrize("reload", [False, True], ids=["at once", "after a reload"])
def test_undo_of_a_whole_batch(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace, reload: bool
) -> None:
    page = visit(cast.chen, REVIEW)
    seen(page, 5)
    page.keyboard.press("a")
    heading = page.locator("h3").first
    expect(heading).to_have_text("Is each of these “dog”?")
    page.wait_for_load_state()
    if reload:
        page.reload()
        expect(heading).to_have_text("Is each of these “dog”?")
    page.keyboard.press("u")
    expect(heading).to_have_text("Is each of these “cat”?")
    expect(cells(page)).to_have_count(5)
    assert Sample.objects.filter(status="pending").count() == 10


def test_undo_when_everything_is_reviewed(
    visit: Visit, samples: list[Sample], approve: Any, cast: SimpleNamespace
) -> None:
    approve(samples)
    page = visit(cast.chen, REVIEW)
    expect(page.get_by_role("heading", name="Everything is reviewed")).to_be_visible()
    page.keyboard.press("u")
    expect(cells(page).first).to_be_visible()
    assert Sample.objects.filter(status="pending").count() == 10


def slowly(route: Route) -> None:
    route.request.frame.page.wait_for_timeout(500)
    route.continue_()


def test_an_undo_waits_for_the_decision_before_it(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    """Pressed while the decision is still on its way, it undoes that one and no other."""
    page = visit(cast.chen, REVIEW)
    page.keyboard.press("2")
    expect(cells(page)).to_have_count(4)
    saved(page)
    page.route("**/reviews/", slowly)
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    expect(page.locator("#where")).to_have_text("2 of 5 decided")
    page.keyboard.press("u")
    expect(page.locator("#where")).to_have_text("1 of 5 decided")
    saved(page)
    assert [each.decision for each in Review.objects.order_by("pk")] == ["fix", "reject", "undo"]
    assert Sample.objects.get(status="approved") == samples[0]


# ------------------------------------------------------------------------------ selecting, keys


def test_shift_extends_with_keys_and_with_the_mouse(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    chosen = page.locator("#grid [aria-selected=true]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(chosen).to_have_count(3)
    page.keyboard.press("Shift+ArrowLeft")  # and takes back what went too far
    expect(chosen).to_have_count(2)
    page.keyboard.press("Escape")
    expect(chosen).to_have_count(0)
    cells(page).nth(4).click()
    cells(page).nth(1).click(modifiers=["Shift"])
    expect(chosen).to_have_count(4)
    page.keyboard.press("Control+a")
    expect(chosen).to_have_count(5)


def test_shortcuts_rest_while_typing_and_can_be_switched_off(
    visit: Visit, samples: Any, cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    page.keyboard.press("r")
    page.locator("#note").press_sequentially("a rat")
    page.keyboard.press("Escape")
    expect(page.locator("#reasons")).to_be_hidden()
    page.keyboard.press("?")
    page.get_by_label("Letter and digit keys decide").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.keyboard.press("2")
    # A key that decided would have sent its request by the time this one is answered.
    page.reload()

    expect(cells(page)).to_have_count(5)
    assert not Review.objects.exists()
    page.keyboard.press("?")
    expect(page.get_by_label("Letter and digit keys decide")).not_to_be_checked()


def other_batch(page: Page, lease: str | None) -> Locator:
    """The cells of the batch that has taken the place of that one."""
    found = page.locator(f"#batch:not([data-lease='{lease}']) .pick:not(.gone)")
    expect(found.first).to_be_visible()
    return found


COMPOSING = """key => document.activeElement.dispatchEvent(new KeyboardEvent(
    "keydown", {key, isComposing: true, bubbles: true, cancelable: true}))"""


def test_an_input_method_decides_nothing(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    seen(page, 5)
    for key in ("a", "2", "s", "Enter", "r"):
        page.evaluate(COMPOSING, key)
    expect(page.locator("#reasons")).to_be_hidden()
    page.reload()
    expect(cells(page)).to_have_count(5)
    assert not Review.objects.exists()


def test_a_key_held_down_decides_once(visit: Visit, cats: Any, cast: SimpleNamespace) -> None:
    page = visit(cast.chen, f"{REVIEW}?size=24", **TALL)
    seen(page, 24)
    first = page.locator("#batch").get_attribute("data-lease")
    page.keyboard.down("Enter")
    following = other_batch(page, first)
    for _again in range(5):
        page.keyboard.down("Enter")
    seen(page, 24)
    page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    saved(page)
    expect(following).to_have_count(24)
    assert Sample.objects.filter(status="approved").count() == 24


def test_a_class_without_a_key_is_found_by_its_letters(
    visit: Visit, dataset: Dataset, samples: list[Sample], cast: SimpleNamespace
) -> None:
    for name in ("Red-Delicious", "Red-Grapefruit", *(f"Sort {n}" for n in range(80)), "Äpfel"):
        actions.add_class(dataset, cast.ada, name)
    page = visit(cast.chen, REVIEW)
    page.keyboard.press("/")
    page.keyboard.type("red g")
    expect(page.locator("#found")).to_have_text("1 found; Enter takes “Red-Grapefruit”")
    expect(page.locator("#classes button:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("Now “Red-Grapefruit” and accepted: 1.")
    page.keyboard.press("/")
    page.keyboard.type("apf")
    expect(page.locator("#found")).to_have_text("1 found; Enter takes “Äpfel”")
    page.keyboard.press("Escape")
    expect(cells(page).first).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("red")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    saved(page)
    named = Annotation.objects.filter(role="reviewer").order_by("pk")
    assert [each.label.name for each in named] == ["Red-Grapefruit", "Red-Grapefruit"]  # type: ignore[union-attr]


# ----------------------------------------------------------------- batches: whose, and the next


def test_two_reviewers_never_see_the_same(
    visit: Visit, cats: Any, cast: SimpleNamespace, eve: Any
) -> None:
    pages = [visit(member, f"{REVIEW}?size=24", **TALL) for member in (cast.chen, eve)]
    got: list[list[int]] = [[], []]
    for turn in range(8):
        which = turn % 2
        page = pages[which]
        if page.locator("#batch").count():
            fresh = [int(each) for each in page.evaluate(SHOWN)]
            got[which] += fresh
            seen(page, len(fresh))
            page.keyboard.press("a")
            page.wait_for_function(GONE_OR_NEW, arg=str(fresh[0]))
    wait_until(pages[0], lambda: not Sample.objects.filter(status="pending").exists())
    assert len(got[0] + got[1]) == len(set(got[0] + got[1])) == 60
    assert min(map(len, got)) >= 12


SHOWN = "[...document.querySelectorAll('#batch .pick:not(.gone)')].map(each => each.dataset.sample)"
GONE_OR_NEW = (
    "old => !document.querySelector(`[data-sample='${old}']`) || !document.querySelector('#batch')"
)


def test_ones_own_are_never_shown(
    visit: Visit, samples: Any, contribute: Any, cast: SimpleNamespace
) -> None:
    contribute({"cat/mine.png": make_image(99)}, by=cast.chen)
    page = visit(cast.chen, REVIEW)
    expect(cells(page)).to_have_count(5)
    seen(page, 5)
    page.keyboard.press("a")
    seen(page, 5)
    page.keyboard.press("a")
    expect(page.get_by_text("nobody reviews their own contribution")).to_be_visible()
    assert Sample.objects.get(status="pending").contributor == cast.chen


def test_the_next_batch_comes_without_loading_a_page(
    visit: Visit, cats: Any, cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, f"{REVIEW}?size=24", **TALL)
    page.evaluate("window.sameVisit = true")
    with page.expect_response("**/review/next/*") as asked:
        seen(page, 24)
    assert asked.value.status == 200
    page.wait_for_load_state("networkidle")
    first = page.evaluate(SHOWN)
    page.evaluate(WATCH_SWAP)
    lease = page.locator("#batch").get_attribute("data-lease")
    page.keyboard.press("a")
    expect(other_batch(page, lease)).to_have_count(24)
    assert page.evaluate("window.sameVisit"), "no page was loaded"
    assert page.evaluate("window.loadedAtOnce"), "its pictures were there when it appeared"
    second = page.evaluate(SHOWN)
    assert not set(first) & set(second)
    assert "label=" in page.url
    expect(page.locator("#groups .count")).to_have_text("36")


# What the pictures of the next batch are like in the moment in which it takes its place.
WATCH_SWAP = """() => new MutationObserver(() => {
    const pictures = [...document.querySelectorAll("#batch img")];
    window.loadedAtOnce ??= pictures.length === 24 && pictures.every((each) => each.complete && each.naturalWidth);
}).observe(document.getElementById("review"), {childList: true})"""


def test_the_last_of_a_queue_is_left_to_others(
    visit: Visit, samples: Any, cast: SimpleNamespace, eve: Any, leases: Callable[[], int]
) -> None:
    """Nobody has five cats before them and the five dogs in reserve."""
    page = visit(cast.chen, REVIEW)
    with page.expect_response("**/review/next/*") as asked:
        seen(page, 5)
    assert asked.value.status == 204
    assert leases() == 5
    page.keyboard.press("a")
    expect(page.locator("h3").first).to_have_text("Is each of these “dog”?")
    assert leases() == 5


def test_nothing_is_accepted_that_was_not_shown(
    visit: Visit, cats: Any, cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, f"{REVIEW}?size=24", viewport={"width": 390, "height": 700})
    part = page.locator("#accept span", has_text="you have seen")
    expect(part).to_be_visible()
    shown = {int(each) for each in page.evaluate(ON_SCREEN)}
    assert 0 < len(shown) < 24
    page.keyboard.press("a")
    page.keyboard.press("a")  # too early: what moved up is not looked at yet
    saved(page)
    accepted = set(Sample.objects.filter(status="approved").values_list("pk", flat=True))
    assert accepted
    assert accepted <= shown


# Cells that are not wholly below the window or under the bar.
ON_SCREEN = """() => {
    const edge = document.querySelector(".review-bar").getBoundingClientRect().top;
    const all = [...document.querySelectorAll("#batch .pick")];
    return all.filter((each) => each.getBoundingClientRect().top < edge).map((each) => each.dataset.sample);
}"""


def test_a_second_press_does_not_reach_the_next_batch(
    visit: Visit, cats: Any, cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, f"{REVIEW}?size=24", **TALL)
    seen(page, 24)
    page.wait_for_load_state("networkidle")
    lease = page.locator("#batch").get_attribute("data-lease")
    page.evaluate("""() => { for (const n of [1, 2, 3])
        document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true})) }""")
    expect(other_batch(page, lease)).to_have_count(24)
    seen(page, 24)
    saved(page)
    assert Sample.objects.filter(status="approved").count() == 24


def test_a_batch_is_given_back_when_the_page_is_left(
    visit: Visit, cats: Any, cast: SimpleNamespace, live_server: Any, leases: Callable[[], int]
) -> None:
    page = visit(cast.chen, f"{REVIEW}?size=24", **TALL)
    with page.expect_response("**/review/next/*"):
        seen(page, 24)
    assert leases() == 48
    with page.expect_response("**/review/next/*"):
        page.reload()
        seen(page, 24)
    shown = Sample.objects.filter(pk__in=page.evaluate(SHOWN))
    assert shown.filter(leased_to=cast.chen).count() == 24, "shown again, so it was kept"
    page.goto(f"{live_server.url}/datasets/pets/samples/")
    wait_until(page, lambda: leases() == 0)


def wait_until(page: Page, true: Callable[[], bool]) -> None:
    for _try in range(100):
        if true():
            return
        page.wait_for_timeout(100)
    pytest.fail("it did not happen")


@pytest.fixture
def leases() -> Callable[[], int]:
    return lambda: Sample.objects.exclude(leased_to=None).count()


# ------------------------------------------------------------------------- a lost connection


def test_offline_and_back(visit: Visit, samples: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.chen, REVIEW)
    seen(page, 5)
    page.context.set_offline(True)
    page.keyboard.press("2")
    expect(page.locator("#saved")).to_have_text("offline: kept here, sent again by itself")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    expect(cells(page)).to_have_count(3)
    assert not Review.objects.exists()
    page.context.set_offline(False)
    saved(page)
    page.said.clear()  # type: ignore[attr-defined]
    assert [each.decision for each in Review.objects.order_by("pk")] == ["fix", "reject"]


def test_a_lost_answer_decides_nothing_twice(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    lost: list[int] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/reviews/", lose)
    page.keyboard.press("2")
    expect(status(page)).to_have_text("Now “dog” and accepted: 1.")
    saved(page)
    page.said.clear()  # type: ignore[attr-defined]
    assert lost == [200]
    assert Review.objects.values("sample").annotate(n=Count("pk")).get()["n"] == 1
    page.keyboard.press("u")
    expect(cells(page)).to_have_count(5)
    saved(page)
    assert not Sample.objects.exclude(status="pending").exists()


def test_a_closed_tab_loses_nothing(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace, live_server: Any
) -> None:
    page = visit(cast.chen, REVIEW)
    page.route("**/reviews/", lambda route: route.abort())
    page.keyboard.press("2")
    expect(page.locator("#saved")).to_have_text("offline: kept here, sent again by itself")
    page.said.clear()  # type: ignore[attr-defined]
    page.on("dialog", lambda dialog: dialog.accept())  # leave although something is not saved
    page.close()
    again = page.context.new_page()
    again.said = []  # type: ignore[attr-defined]
    again.goto(live_server.url + REVIEW)
    expect(cells(again)).to_have_count(4)
    assert Review.objects.get().decision == "fix"


def test_what_another_decided_leaves_the_grid_and_says_so(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.chen, REVIEW)
    seen(page, 5)
    Sample.objects.filter(pk=samples[0].pk).update(leased_to=None, lease=None, leased_until=None)
    actions.review_samples(
        samples[0].dataset, cast.ada, [actions.Decision(samples[0].pk, "accept")]
    )
    page.keyboard.press("2")
    expect(status(page)).to_have_text("Now “dog” and accepted: 0. It is approved already.")
    expect(cells(page)).to_have_count(4)


# --------------------------------------------------------------------------------- other queues


def test_an_appeal_is_decided_and_an_undo_puts_it_back(
    visit: Visit, samples: list[Sample], cast: SimpleNamespace, eve: Any
) -> None:
    reject = actions.Decision(samples[0].pk, "reject", reason="unusable")
    actions.review_samples(samples[0].dataset, cast.chen, [reject])
    samples[0].refresh_from_db()
    actions.appeal_rejection(samples[0], cast.ben, "it is only dark")

    page = visit(eve, f"{REVIEW}?queue=appeal")
    expect(cells(page)).to_have_count(1)
    expect(cells(page).first).to_contain_text("ben: appealed – it is only dark")
    expect(cells(page).first).to_contain_text("has waited less than a minute")
    seen(page, 1)
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Nothing waits here")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("u")
    expect(page.locator("h3").first).to_have_text("Was the rejection right?")
    expect(cells(page)).to_have_count(1)
    samples[0].refresh_from_db()
    assert (samples[0].status, samples[0].hold) == ("pending", "appeal")


def test_without_scripts(visit: Visit, samples: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.chen, REVIEW, java_script_enabled=False)
    ticks = page.locator("#grid input[type=checkbox]")
    ticks.nth(0).check()
    ticks.nth(1).check()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text("Decided: 2.")).to_be_visible()
    ticks.nth(0).check()
    page.locator("select[name=label]").select_option("dog")
    page.get_by_role("button", name="Fix and accept").click()
    ticks.nth(0).check()
    page.locator("select[name=reason]").select_option("unusable")
    page.get_by_role("button", name="Reject").click()
    expect(ticks).to_have_count(1)
    decisions = [each.decision for each in Review.objects.order_by("pk")]
    assert decisions == ["accept", "accept", "fix", "reject"]
    page.get_by_role("button", name="Give this batch back").click()
    expect(page.get_by_text("Given back: 1.")).to_be_visible()


# ---------------------------------------------------------------------------------------- phone


def test_on_a_phone(visit: Visit, samples: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.chen, REVIEW, **PHONE)
    chosen = page.locator("#grid [aria-selected=true]")
    seen(page, 5)
    cells(page).nth(1).tap()
    expect(chosen).to_have_count(1)
    hold(page, cells(page).nth(3))
    expect(chosen).to_have_count(3)
    cells(page).nth(2).tap()
    expect(chosen).to_have_count(2)
    for button in page.locator(".desk .btn:visible").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 44, button.inner_text()
    bar = page.locator(".review-bar").bounding_box()
    assert bar
    assert bar["height"] < 0.35 * 844, "most of the screen is for the pictures"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#classes").get_by_role("button", name="dog").tap()
    expect(status(page)).to_have_text("Now “dog” and accepted: 2.")


def hold(page: Page, cell: Locator) -> None:
    """A finger that stays for more than half a second."""
    box = cell.bounding_box()
    assert box
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    client = page.context.new_cdp_session(page)
    client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    page.wait_for_timeout(700)
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
