"""The card's preview: nothing in it acts, and nothing is fetched for it."""

import pytest

from ui.html.card import previewed


@pytest.mark.parametrize("text", [
    '<form action="https://evil.example"><input name="password"></form>',
    '<img src="https://evil.example/x.png">', "<IMG SRC=x onerror=alert(1)>", "</form>",
    '<video src="https://evil.example/x" autoplay></video>', "<audio controls>", "<svg onload=x>",
    "<iframe src=//evil.example>", "<object data=x>", "<style>@import 'https://evil.example'",
    '<a href="javascript:alert(1)">x</a>', '<details open ontoggle="alert(1)">', "<script>x",
    "<link rel=stylesheet href=//evil.example>", "<meta http-equiv=refresh content=0>",
    "<!-- <img> -->", "<custom-element>", "<base href=//evil.example>", "<button>Go</button>"])
def test_what_acts_or_is_fetched_stands_there_as_text(text):
    shown = previewed(f"before {text} after")
    assert shown.startswith("before &lt;") and "after" in shown
    assert "<" not in shown.replace("</a>", "").replace("<a>", "")


@pytest.mark.parametrize("text, shown", [
    ("![a](https://evil.example/x.png)", r"!\[a](https://evil.example/x.png)"),
    ("![a][b]", r"!\[a][b]"), ("[![a](b)](c)", r"[!\[a](b)](c)")])
def test_an_image_stands_there_as_text(text, shown):
    assert previewed(text) == shown


@pytest.mark.parametrize("text", [
    "<details><summary>More</summary>", "| a | b |\n|---|---|", "# A card of 5 < 6 and <3",
    "```python\nmodel = load(name)[0] < 5\n```", "a<br/>b", "[a link](https://example.com)"])
def test_a_card_as_we_write_it_is_drawn_as_it_is(text):
    assert previewed(text) == text


@pytest.mark.parametrize("fence", ["```", "``` `x", "~~~", "   ```", "```\n``` x\n```"],
                         ids=["plain", "odd", "tilde", "indented", "unclosed"])
def test_what_looks_like_code_hides_nothing(fence):
    assert "<img" not in previewed(f"{fence}\n<img src=x>\n{fence}\n<img src=x>")
