"""XML as editing programs like it: indented, with a DOCTYPE, and always the same bytes."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element


def to_text(root: Element, doctype: str) -> str:
    """A whole document."""
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE {doctype}>\n\n{body}\n'


def to_element(text: str) -> Element:
    """The root of a document.

    Raises:
        ValueError: it is not well-formed; the message says in which line.
    """
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"it is no well-formed XML ({error})") from error
