"""The text nodes of elements, as ``::text`` selects them."""

from __future__ import annotations

from collections.abc import Iterable

from selectolax.lexbor import LexborNode

#: Nested matches are followed so deep; beyond, all that is in them is walked.
_MOST_NESTED = 200


def direct(nodes: list[LexborNode]) -> list[str]:
    """Return the text nodes that are children of the nodes, in document order."""
    texts: list[str] = []
    position = 0
    while 0 <= position < len(nodes):
        position = _collect(nodes, position, texts, 0)
    return texts if position >= 0 else deep(nodes, {node.mem_id for node in nodes})


def _collect(nodes: list[LexborNode], position: int, texts: list[str], nested: int) -> int:
    """Add the texts of the node at a position, in order with those of nodes inside of it; return the next position.

    -1 where they are nested too deep.
    """
    node, begin = nodes[position], len(texts)
    alone = passed = False
    child = node.first_child
    while child is not None:
        if not child.is_text_node:
            passed = True
        elif passed and not alone and _holder(node, nodes, position + 1):
            del texts[begin:]  # a text after an element: what is inside comes between
            return _interleave(nodes, position, texts, nested)
        else:
            alone = passed
            texts.append(child.text_content or "")
        child = child.next
    return position + 1


def _interleave(nodes: list[LexborNode], position: int, texts: list[str], nested: int) -> int:
    if nested == _MOST_NESTED:
        return -1
    node = nodes[position]
    position += 1
    holder = _holder(node, nodes, position)
    child = node.first_child
    while child is not None:
        if child.is_text_node:
            texts.append(child.text_content or "")
        while holder and holder == child.mem_id:
            position = _collect(nodes, position, texts, nested + 1)
            if position < 0:
                return -1
            holder = _holder(node, nodes, position)
        child = child.next
    return position


def _holder(outer: LexborNode, nodes: list[LexborNode], position: int) -> int:
    """Return the id of the child of ``outer`` that the node at a position is, or is in; 0 if that is outside."""
    if position == len(nodes):
        return 0
    node, own, above = nodes[position], outer.mem_id, outer.parent
    outside = above.mem_id if above is not None else 0
    while (parent := node.parent) is not None:
        if parent.mem_id == own:
            return node.mem_id
        if parent.mem_id == outside:
            break
        node = parent
    return 0


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
