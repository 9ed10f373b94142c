"""What organizers write in Markdown: as safe HTML for pages, and as plain words for everything else."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

HEADINGS_BELOW: Final = 2
"""A text stands beneath a heading of the second level: its own begin with the third."""
KEPT: Final = 256
"""Texts that are kept as they were written out: at most some megabytes, and a crowd reads one event."""
ELLIPSIS: Final = "…"

_TAGS: Final = {
    *("p", "br", "hr", "em", "strong", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "ol": {"start"},
    **{tag: {"dir"} for tag in ("p", "li", "h3", "h4", "h5", "h6")},
}
_SCHEMES: Final = {"http", "https", "mailto"}
_ENDS_A_LINE: Final = {"softbreak", "hardbreak"}
_ENDS_A_BLOCK: Final = {"inline", "code_block", "fence"}


@lru_cache(maxsize=1)
def _markdown() -> "MarkdownIt":
    # Only where a text is shown: a cold start need not wait for it.
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    made.add_render_rule("image", _as_link)
    return made


def _as_link(_renderer: Any, tokens: "list[Token]", place: int, _options: Any, _env: Any) -> str:
    """A picture from elsewhere would tell them who looks at our page: it is a link instead."""
    token = tokens[place]
    source = Markup.escape(str(token.attrs.get("src", "")))
    return f'<a href="{source}">{Markup.escape(token.content) or source}</a>'


@lru_cache(maxsize=KEPT)
def rendered(text: str) -> Markup:
    """The text as HTML that may stand in any page: of a few tags, links to web and mail alone, marked as not ours."""
    import nh3

    markdown = _markdown()
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + HEADINGS_BELOW)}"
        if token.type in ("heading_open", "paragraph_open", "list_item_open"):
            token.attrSet("dir", "auto")
    html = markdown.renderer.render(tokens, markdown.options, {})
    clean = nh3.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="nofollow noopener noreferrer"
    )
    return Markup(clean)  # noqa: S704 - cleaned just now


@lru_cache(maxsize=KEPT)
def plain(text: str) -> str:
    """The words of the text without its marks, one line for each of its blocks."""
    lines = (
        token.content.strip() if token.children is None else _words(token.children)
        for token in _markdown().parse(text)
        if token.type in _ENDS_A_BLOCK
    )
    return "\n".join(line for line in lines if line)


def _words(tokens: "list[Token]") -> str:
    parts = ["\n" if token.type in _ENDS_A_LINE else token.content for token in tokens]
    return "".join(parts).strip()


def excerpt(text: str, *, most: int) -> str:
    """The beginning of its words on one line, at most so many characters; what is left over becomes an ellipsis."""
    words = " ".join(plain(text).split())
    if len(words) <= most:
        return words
    cut = words[: most - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:–-") + ELLIPSIS
