from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from train.settings import Settings
from ui.middleware import middleware
from ui.preview import SIZE

PAGE = ('<html><head><meta property="og:title" content="Gradio" />\n<meta\n name="twitter:image"\n '
        'content="https://else.where/x.jpg"\n/><title>x</title></head><body>ä</body></html>')


def client():
    async def page(request):
        return HTMLResponse(PAGE)

    async def other(request):
        return PlainTextResponse(PAGE)

    return TestClient(Starlette(routes=[Route("/", page), Route("/other", other)],
                                middleware=middleware(Settings(on_space=True, hosts=("a.space",)))),
                      base_url="https://a.space")


def test_a_shared_link_has_our_title_description_and_picture_and_none_of_gradios():
    text = client().get("/").text
    assert text.count('property="og:title"') == 1 and "Gradio" not in text
    assert "else.where" not in text and "<title>x</title></head><body>ä" in text
    assert '<meta property="og:image" content="https://a.space/preview.png" />' in text
    assert '<meta name="description" content="Ask one question' in text


def test_the_picture_of_a_shared_link_has_the_size_it_is_said_to_have():
    answer = client().get("/preview.png")
    assert answer.headers["content-type"] == "image/png" and len(answer.content) < 300_000
    width, height = (int.from_bytes(answer.content[at:at + 4], "big") for at in (16, 20))
    assert (width, height) == SIZE


def test_a_host_of_somebodys_own_making_is_text_in_the_page():
    text = client().get("/", headers={"host": 'x"><script>alert(1)</script>'}).text
    assert "<script>" not in text


def test_what_is_no_page_passes_as_it_is():
    assert client().get("/other").text == PAGE
