"""The labelling page in a browser: one by one and as a grid, by keyboard, mouse and touch."""

import json
import re
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import Annotation, Dataset, Membership, Review, Role, Sample, Skip
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.pages.conftest import PHONE, Visit
from apps.datasets.tests.pages.test_review_desk import COMPOSING, hold, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LABEL = "/datasets/pets/label/"


@pytest.fixture
def bare(contribute: Any) -> list[Sample]:
    """Six of Ben's without a class."""
    batch = contribute({f"{n}.png": make_image(n) for n in range(6)})
    return list(batch.samples.order_by("pk"))


def cells(page: Page) -> Locator:
    return page.locator("#strip .pick")


def open_ones(page: Page) -> Locator:
    return page.locator("#strip .pick:not(.done)")


def chosen(page: Page) -> Locator:
    return page.locator("#strip [aria-selected=true]")


def saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("saved")


def said(samples: list[Sample]) -> list[str]:
    """The class of each as it stands."""
    names = dict(Sample.objects.values_list("pk", "label__name"))
    return [names[each.pk] or "" for each in samples]


# -------------------------------------------------------------------------------------- one by one


def test_digits_pick_and_enter_saves_and_goes_on(
    visit: Visit, bare: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.ben, LABEL)
    picture = page.locator("#picture")
    first = picture.get_attribute("src")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Pick a class first.")
    page.keyboard.press("1")
    expect(page.locator("#status")).to_have_text("“cat”: Enter saves it")
    page.keyboard.press("2")  # changed their mind
    page.keyboard.press("Enter")
    expect(cells(page).nth(1)).to_be_focused()
    expect(cells(page).first).to_contain_text("dog")
    assert picture.get_attribute("src") != first
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    saved(page)
    assert said(bare)[:3] == ["dog", "cat", ""]
    expect(page.locator("#where")).to_have_text("2 of 6")


def test_the_progress_tells_minutes(visit: Visit, bare: list[Sample], cast: Any) -> None:
    page = visit(cast.ben, LABEL)
    expect(page.locator("#where")).to_have_text("0 of 6")
    for _each in range(3):
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    expect(page.locator("#where")).to_have_text("3 of 6 · about 1 min left")


def test_arrows_move_space_selects_and_shift_extends(
    visit: Visit, bare: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.ben, LABEL)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(cells(page).nth(1)).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#where")).to_have_text("3 selected · 0 of 6")
    page.keyboard.press("Shift+ArrowLeft")
    expect(chosen(page)).to_have_count(2)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    saved(page)
    assert said(bare) == ["", "dog", "dog", "", "", ""]
    cells(page).nth(5).click(modifiers=["Control"])
    cells(page).nth(3).click(modifiers=["Shift"])
    expect(chosen(page)).to_have_count(3)
    page.keyboard.press("Escape")
    expect(chosen(page)).to_have_count(0)


def test_undo_in_place_and_after_a_reload(
    visit: Visit, bare: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.ben, LABEL)
    page.evaluate("window.sameVisit = true")
    for key in ("1", "2"):
        page.keyboard.press(key)
        page.keyboard.press("Enter")
    page.keyboard.press("u")
    expect(page.locator("#status")).to_have_text("Undone: 1.")
    expect(cells(page).nth(1)).to_be_focused()
    assert page.evaluate("window.sameVisit")
    assert said(bare)[:2] == ["cat", ""]

    page.reload()
    expect(cells(page)).to_have_count(5)
    page.keyboard.press("u")
    expect(cells(page)).to_have_count(6)
    assert said(bare) == [""] * 6


def test_skip_and_unsure(visit: Visit, bare: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.ben, LABEL)
    page.keyboard.press("s")
    page.keyboard.press("n")
    saved(page)
    expect(cells(page).nth(0)).to_contain_text("Skip")
    expect(cells(page).nth(1)).to_contain_text("Unsure")
    assert Annotation.objects.get(sample=bare[1], role="labeller").label is None
    assert set(Skip.objects.values_list("sample", flat=True)) == {bare[0].pk, bare[1].pk}
    page.reload()
    expect(cells(page)).to_have_count(4)
    other = visit(cast.chen, LABEL)
    expect(cells(other)).to_have_count(2)


def test_zoom_and_guidelines(visit: Visit, dataset: Dataset, bare: list[Sample], cast: Any) -> None:
    actions.update_dataset(dataset, cast.ada, guidelines="Whiskers make a **cat**.")
    page = visit(cast.ben, LABEL)
    picture = page.locator("#picture")
    page.keyboard.press("+")
    expect(picture).to_have_class(re.compile("zoom-1"))
    page.keyboard.press("-")
    expect(picture).to_have_class(re.compile("fit"))
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_class(re.compile("fit"))
    page.keyboard.press("g")
    expect(page.locator("#guidelines")).to_contain_text("Whiskers make a cat.")
    page.keyboard.press("1")  # rests under a dialogue
    page.keyboard.press("Escape")
    expect(page.locator("#guidelines")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("")
    page.keyboard.press("f")
    expect(page.locator("#viewer")).to_be_visible()


def test_offline_and_back(visit: Visit, bare: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.ben, LABEL)
    state = page.locator("#saved")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    saved(page)
    page.context.set_offline(True)
    for key in ("2", "1"):
        page.keyboard.press(key)
        page.keyboard.press("Enter")
    expect(state).to_have_text("offline: kept here, sent again by itself")
    assert said(bare)[:3] == ["cat", "", ""]
    page.context.set_offline(False)
    saved(page)
    page.said.clear()  # type: ignore[attr-defined]
    assert said(bare)[:4] == ["cat", "dog", "cat", ""]
    assert Annotation.objects.filter(role="labeller").count() == 3


def test_logged_out_and_back(visit: Visit, bare: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.ben, LABEL)
    cookies = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    for key in ("2", "1"):
        page.keyboard.press(key)
        page.keyboard.press("Enter")
    state = page.locator("#saved")
    expect(state).to_contain_text("You were logged out")
    expect(state.get_by_role("link", name="Log in again")).to_have_attribute(
        "href", re.compile("/account/login/.*label")
    )
    kept = "Object.keys(localStorage).filter((name) => name.startsWith('outbox:')).length"
    assert page.evaluate(kept) == 2
    assert not Annotation.objects.filter(role="labeller").exists()

    page.context.add_cookies(cookies)
    page.evaluate("dispatchEvent(new Event('focus'))")
    saved(page)
    page.said.clear()  # type: ignore[attr-defined]
    assert said(bare)[:3] == ["dog", "cat", ""]
    assert page.evaluate(kept) == 0


def test_what_was_kept_and_is_refused_now_is_told(
    visit: Visit, bare: list[Sample], dataset: Dataset, cast: SimpleNamespace
) -> None:
    actions.label_samples(dataset, cast.chen, {bare[0].pk: dataset.classes.first().pk})
    page = visit(cast.ben, LABEL)
    address, batch = "/api/datasets/pets/labels/", str(uuid4())
    body = {"batch": batch, "labels": [{"sample": bare[0].pk, "say": "unsure"}]}
    page.evaluate(
        "([name, entry]) => localStorage.setItem(name, JSON.stringify(entry))",
        [f"outbox:{cast.ben.pk}:{address}:{batch}", {"at": 1, "address": address, "body": body}],
    )
    page.reload()
    expect(page.locator("#status")).to_contain_text("some was refused: It has a label")
    page.reload()
    saved_before = "Object.keys(localStorage).filter((name) => name.startsWith('outbox:')).length"
    assert page.evaluate(saved_before) == 0, "and that is the end of it"


def test_the_next_batch_comes_without_loading_a_page(
    visit: Visit, contribute: Any, cast: SimpleNamespace
) -> None:
    contribute({f"{n}.png": make_image(n) for n in range(60)})
    page = visit(cast.ben, LABEL)
    page.evaluate("window.sameVisit = true")
    expect(cells(page)).to_have_count(24)
    with page.expect_response("**/label/next/"):
        for key in ("1", "2") * 6:
            page.keyboard.press(key)
            page.keyboard.press("Enter")
    page.keyboard.press("Home")
    cells(page).nth(12).click()
    page.keyboard.press("Shift+End")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(open_ones(page)).to_have_count(24)
    expect(cells(page).first).to_be_focused()
    assert page.evaluate("window.sameVisit"), "no page was loaded"
    expect(page.locator("#where")).to_contain_text("24 of 60")
    saved(page)
    page.keyboard.press("u")  # what has left the screen comes back by a reload
    expect(open_ones(page)).to_have_count(36)
    assert Sample.objects.exclude(label=None).count() == 12


def test_a_batch_is_given_back_when_the_page_is_left(
    visit: Visit, bare: list[Sample], cast: SimpleNamespace, live_server: Any
) -> None:
    page = visit(cast.ben, LABEL)
    assert Sample.objects.filter(leased_to=cast.ben).count() == 6
    page.reload()
    expect(cells(page)).to_have_count(6)
    assert Sample.objects.filter(leased_to=cast.ben).count() == 6
    page.goto(f"{live_server.url}/datasets/pets/")
    wait_until(page, lambda: not Sample.objects.filter(leased_to=cast.ben).exists())


def test_shortcuts_can_be_switched_off_and_rest_while_composing(
    visit: Visit, bare: list[Sample], cast: SimpleNamespace
) -> None:
    page = visit(cast.ben, LABEL)
    for key in ("1", "s", "n", "u"):
        page.evaluate(COMPOSING, key)
    expect(page.locator("#status")).to_have_text("")
    page.keyboard.press("?")
    page.get_by_label("Letter and digit keys decide").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("1")
    page.keyboard.press("s")
    expect(page.locator("#status")).to_have_text("")
    expect(page.locator("#where")).to_have_text("0 of 6")
    page.locator("#classes").get_by_role("button", name="cat").click()
    page.keyboard.press("Enter")
    saved(page)
    assert said(bare)[0] == "cat"


def test_a_class_is_found_by_its_letters(
    visit: Visit, dataset: Dataset, bare: list[Sample], cast: SimpleNamespace
) -> None:
    for name in (*(f"Sort {n}" for n in range(79)), "红富士"):
        actions.add_class(dataset, cast.ada, name)
    page = visit(cast.ben, LABEL)
    page.keyboard.press("/")
    page.keyboard.type("sort 78")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("“Sort 78”: Enter saves it")
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    page.keyboard.insert_text("富")
    page.evaluate(COMPOSING, "Enter")  # ends the composition, not the search
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    saved(page)
    assert said(bare)[:3] == ["Sort 78", "红富士", ""]


# ----------------------------------------------------------------------------------------- as a grid


def test_as_a_grid(visit: Visit, bare: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.ben, LABEL)
    expect(page.locator("#stage")).to_be_visible()
    page.keyboard.press("v")
    expect(page.locator("#stage")).to_be_hidden()
    expect(page.locator("#view")).to_contain_text("One by one")
    wide = cells(page).first.bounding_box()
    assert wide
    assert wide["width"] > 150
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    saved(page)
    assert said(bare) == ["", "dog", "", "dog", "", ""]
    expect(cells(page).nth(4)).to_be_focused()
    page.keyboard.press("1")  # nothing selected: the one they are on
    page.keyboard.press("Enter")
    saved(page)
    assert said(bare)[4] == "cat"
    cells(page).nth(0).click()
    cells(page).nth(5).click(modifiers=["Shift"])
    expect(chosen(page)).to_have_count(3)  # what is said already is not selected
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    expect(page.locator("#viewer-image")).to_have_attribute(
        "src", cells(page).nth(5).get_attribute("data-image") or ""
    )
    page.keyboard.press("f")

    page.reload()  # remembered
    expect(page.locator("#stage")).to_be_hidden()
    page.locator("#view").click()
    expect(page.locator("#stage")).to_be_visible()


def test_on_a_phone(visit: Visit, bare: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.ben, LABEL, **PHONE)
    classes = page.locator("#classes")
    side = page.locator(".label-side").bounding_box()
    picture = page.locator("#picture").bounding_box()
    assert side
    assert picture
    assert picture["y"] >= 0
    assert picture["y"] + picture["height"] <= side["y"], "the bar does not cover the picture"
    classes.get_by_role("button", name="dog").tap()
    page.get_by_role("button", name="Save").tap()
    saved(page)
    assert said(bare)[0] == "dog"
    page.locator("#view").tap()
    cells(page).nth(1).tap()
    hold(page, cells(page).nth(3))
    expect(chosen(page)).to_have_count(3)
    cells(page).nth(2).tap()
    expect(chosen(page)).to_have_count(2)
    for button in page.locator(".desk .btn:visible, .desk-tools .btn:visible").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 44, button.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    classes.get_by_role("button", name="cat").tap()
    page.get_by_role("button", name="Save").tap()
    saved(page)
    assert said(bare) == ["dog", "cat", "", "cat", "", ""]


def test_without_scripts(visit: Visit, bare: list[Sample], cast: SimpleNamespace) -> None:
    page = visit(cast.ben, LABEL, java_script_enabled=False)
    first = page.locator("#picture").get_attribute("alt")
    page.get_by_role("button", name="dog").click()
    expect(page.locator("#picture")).not_to_have_attribute("alt", first or "")
    page.get_by_role("button", name="Unsure").click()
    page.get_by_role("button", name="cat").click()
    expect(page.locator("#picture")).to_have_attribute("alt", f"Sample {bare[3].pk}")
    assert said(bare)[:4] == ["dog", "", "cat", ""]


# ---------------------------------------------------------------------------------------- consensus


@pytest.fixture
def voters(dataset: Dataset, cast: SimpleNamespace) -> list[Any]:
    """Chen, Eve and Finn label independently: two who agree settle it, after three an expert."""
    members = [cast.chen]
    for name in ("eve", "finn"):
        member = make_member(name)
        Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
        members.append(member)
    actions.change_policy(
        dataset, cast.ada, policy="consensus", labels_needed=2, labels_max=3, support="1/2"
    )
    dataset.refresh_from_db()
    return members


def test_three_people_settle_one_and_cannot_agree_on_another(
    visit: Visit, contribute: Any, voters: list[Any], cast: SimpleNamespace, dataset: Dataset
) -> None:
    actions.add_class(dataset, cast.ada, "bird")
    batch = contribute({f"{n}.png": make_image(n) for n in range(2)})
    agreed, torn = batch.samples.order_by("pk")
    # The first two agree about one of them; about the other each says something else.
    for member, keys in zip(voters, (("1", "1"), ("1", "2"), ("3",)), strict=True):
        page = visit(member, LABEL)
        expect(cells(page)).to_have_count(len(keys))
        for line in (page.locator("#strip").inner_text(), page.locator("#strip").inner_html()):
            assert "cat" not in line
            assert "dog" not in line
        for key in keys:
            page.keyboard.press(key)
            page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Nothing to label")).to_be_visible()
        page.close()
    agreed.refresh_from_db()
    torn.refresh_from_db()
    assert (agreed.status, agreed.label.name) == ("approved", "cat")
    assert (torn.status, torn.hold) == ("pending", "expert")

    ada = visit(cast.ada, "/datasets/pets/review/?queue=expert")
    for line in ("chen: cat", "eve: dog", "finn: bird", "has waited less than a minute"):
        expect(ada.locator("#batch")).to_contain_text(line)
    ada.keyboard.press("2")
    expect(ada.get_by_role("heading", name="Nothing waits here")).to_be_visible()
    torn.refresh_from_db()
    assert (torn.status, torn.label.name) == ("approved", "dog")


def test_a_vote_is_undone_and_given_again(
    visit: Visit, contribute: Any, voters: list[Any], dataset: Dataset
) -> None:
    batch = contribute({"cat/1.png": make_image(1)})
    one = batch.samples.get()
    page = visit(voters[0], LABEL)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing to label")).to_be_visible()
    one.refresh_from_db()
    assert one.status == "approved", "with the uploader's label it is two of two"
    page.wait_for_load_state()
    page.keyboard.press("u")
    expect(cells(page)).to_have_count(1)
    one.refresh_from_db()
    assert one.status == "pending"
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing to label")).to_be_visible()
    one.refresh_from_db()
    assert (one.status, one.disputed) == ("pending", True)
    assert Review.objects.get().decision == "undo"


# -------------------------------------------------------------------------------------------- texts


def test_a_long_text_is_read_in_full_at_both_desks(visit: Visit, cast: SimpleNamespace) -> None:
    made = actions.create_dataset(
        cast.ada,
        title="Letters",
        slug="pets",
        task="text_classification",
        licence="CC-BY-4.0",
        class_names=["praise", "complaint"],
    )
    long = "Dear all,\n" + "this goes on and on. " * 60 + "The end"
    _send(made, cast.ada, "letters.jsonl", long)
    Membership.objects.create(dataset=made, member=cast.chen, role=Role.REVIEWER)
    page = visit(cast.chen, LABEL)
    expect(page.locator("#words")).to_have_text(re.compile("^Dear all.*The end$", re.DOTALL))
    assert not page.get_by_text(re.compile("image", re.IGNORECASE)).all()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing to label")).to_be_visible()

    page = visit(cast.chen, "/datasets/pets/review/")
    expect(page.locator("#batch .excerpt")).to_have_text(re.compile("The end$"))
    page.keyboard.press("f")
    expect(page.locator("#viewer-text")).to_have_text(re.compile("^Dear all.*The end$", re.DOTALL))
    page.keyboard.press("f")
    assert not page.locator("main").get_by_text(re.compile("image", re.IGNORECASE)).all()
    page.keyboard.press("End")
    page.keyboard.press("Space")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Everything is reviewed")).to_be_visible()


def _send(dataset: Dataset, member: Any, name: str, text: str) -> None:
    batch = actions.open_contribution(dataset, member, licence="CC-BY-4.0", agreed=True)
    actions.receive_file(batch, member, name=name, chunks=[json.dumps({"text": text}).encode()])
    actions.finish_contribution(batch, member)
    drain_ingest()
