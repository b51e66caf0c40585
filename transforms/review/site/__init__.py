"""The dictionary as a page that stewards read: one HTML file, or the same as data.

    describe(dictionary, standing)   what the page says, as a `Document`: no markup, everything with its anchor
    render(document)                 the page: one file, no network, nothing but what is in the document

The same dictionary gives the same page, byte for byte: it names the version's digest and no time of its making.
"""

from transforms.review.site.describe import describe
from transforms.review.site.document import Document, Signature, Standing
from transforms.review.site.render import render

__all__ = ["Document", "Signature", "Standing", "describe", "render"]
