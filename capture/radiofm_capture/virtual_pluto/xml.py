"""The XML by which an IIO context describes itself to its clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

from radiofm_capture.virtual_pluto.layout import Channel, Layout

# Without a DTD libxml2 complains on standard error. What each element holds, and its attributes.
_ELEMENTS = {
    "context": "(device | context-attribute)*",
    "context-attribute": "EMPTY",
    "device": "(channel | attribute | debug-attribute | buffer-attribute)*",
    "channel": "(scan-element?, attribute*)",
    "attribute": "EMPTY",
    "scan-element": "EMPTY",
    "debug-attribute": "EMPTY",
    "buffer-attribute": "EMPTY",
}
_ATTRIBUTES = {
    "context": ("name!", "version-major", "version-minor", "version-git", "description"),
    "context-attribute": ("name!", "value!"),
    "device": ("id!", "name", "label"),
    "channel": ("id!", "type!", "name"),
    "scan-element": ("index!", "format!", "scale"),
    "attribute": ("name!", "filename"),
    "debug-attribute": ("name!",),
    "buffer-attribute": ("name!",),
}


def context_xml(
    devices: Sequence[Layout], description: str, about: Mapping[str, str], version: str
) -> str:
    """The whole document, on one line after the head, as iiod sends it."""
    major, minor, git = version.split(".")
    dtd = [f"<!ELEMENT {name} {holds}>" for name, holds in _ELEMENTS.items()]
    for name, attributes in _ATTRIBUTES.items():
        declared = (f"{a.rstrip('!')} CDATA {_need(a)}" for a in attributes)
        dtd.append(f"<!ATTLIST {name} {' '.join(declared)}>")
    body = [_tag("context-attribute", name=k, value=v) for k, v in about.items()]
    body += [_device(device) for device in devices]
    head = {"version-major": major, "version-minor": minor, "version-git": git}
    opening = _tag("context", ">", name="network", description=description, **head)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<!DOCTYPE context [{''.join(dtd)}]>{opening}{''.join(body)}</context>"
    )


def _need(attribute: str) -> str:
    return "#REQUIRED" if attribute.endswith("!") else "#IMPLIED"


def _tag(element: str, end: str = " />", /, **attributes: str | None) -> str:
    given = (f"{k}={quoteattr(v)}" for k, v in attributes.items() if v is not None)
    return f"<{element} {' '.join(given)}{end}"


def _device(device: Layout) -> str:
    inside = [_channel(channel) for channel in device.channels]
    inside += [_tag("attribute", name=a) for a in device.attributes]
    inside += [_tag("buffer-attribute", name=a) for a in device.buffer]
    inside += [_tag("debug-attribute", name=a) for a in device.debug]
    return f"{_tag('device', '>', id=device.id, name=device.name)}{''.join(inside)}</device>"


def _channel(channel: Channel) -> str:
    inside = []
    if channel.scan:
        index, form = channel.scan
        inside.append(_tag("scan-element", index=str(index), format=form))
    for name, (filename, _) in channel.files().items():
        inside.append(_tag("attribute", name=name, filename=filename))
    opening = _tag("channel", ">", id=channel.id, name=channel.name, type=channel.direction)
    return f"{opening}{''.join(inside)}</channel>"
