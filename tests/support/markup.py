"""What markup is tested with: hostile text, and a reader of tags."""

from html.parser import HTMLParser

HOSTILE = '<img src=x onerror=alert(1)> ${alert(1)} {{7*7}} "quoted" \'single\' & </article>'


class Tags(HTMLParser):
    """Checks that tags are closed in order, and keeps what was opened."""

    def __init__(self, html):
        super().__init__()
        self.opened, self.stack = [], []
        self.feed(html)
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attrs):
        self.opened.append((tag, dict(attrs)))
        if tag not in ("br", "img"):
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.opened.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag
