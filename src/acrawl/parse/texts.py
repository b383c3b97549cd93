"""The text nodes of elements, as ``::text`` selects them."""

from __future__ import annotations

from collections.abc import Iterable

from selectolax.lexbor import LexborNode


def direct(nodes: list[LexborNode]) -> list[str]:
    """Return the text nodes that are children of the nodes, in document order."""
    texts: list[str] = []
    last = len(nodes) - 1
    for index, node in enumerate(nodes):
        child = node.first_child
        after_element = False
        while child is not None:
            if child.is_text_node:
                if after_element and index < last and _holds(node, nodes[index + 1]):
                    return deep(nodes, {each.mem_id for each in nodes})
                texts.append(child.text_content or "")
                after_element = False
            else:
                after_element = True
            child = child.next
    return texts


def deep(nodes: Iterable[LexborNode], parents: set[int] | None = None) -> list[str]:
    """Return the text nodes below the nodes in document order, each once; only children of ``parents`` if given."""
    texts: list[str] = []
    seen: set[int] = set()
    for node in nodes:
        if node.mem_id in seen:
            continue
        for inner in node.traverse(include_text=True):
            if not inner.is_text_node:
                seen.add(inner.mem_id)
            elif parents is None or (inner.parent is not None and inner.parent.mem_id in parents):
                texts.append(inner.text_content or "")
    return texts


def _holds(outer: LexborNode, inner: LexborNode) -> bool:
    parent, wanted = inner.parent, outer.mem_id
    while parent is not None:
        if parent.mem_id == wanted:
            return True
        parent = parent.parent
    return False
