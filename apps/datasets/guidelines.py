"""Guidelines are Markdown written by members: rendered by one library, cleaned by another."""

import nh3
from markdown_it import MarkdownIt

# No images: they would have to come from another host, which the site never contacts.
TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def to_html(text: str) -> str:
    """Safe HTML of a Markdown text. Its highest headings become h3, below the page's own."""
    tokens = markdown.parse(text)
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    highest = min((token.tag for token in headings), default="")
    for token in headings:
        token.tag = "h3" if token.tag == highest else "h4"
    html = markdown.renderer.render(tokens, markdown.options, {})
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
