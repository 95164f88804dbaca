"""Tests of `tools.api`: what the listing of the API has of a page of rustdoc."""

import unittest
from pathlib import Path

from tools import api

HEADING = '<section id="{0}" class="{1}"><a>Source</a><h4 class="code-header">{2}</h4></section>'
PAGE = """<pre class="rust item-decl"><code><div class="code-attribute">#[non_exhaustive]</div>pub
 enum A {{<summary>Show 2 variants</summary>
    B(<a href="x">u8</a>),
}}</code></pre><div id="implementations-list">{}</div><div id="deref-methods-x">{}</div>
<div id="trait-implementations-list">{}</div><div id="synthetic-implementations-list">{}</div>
<div id="blanket-implementations-list">{}</div>"""


def heading(kind, text):
    """A heading in a page of rustdoc."""
    return HEADING.format("x", kind, text)


def listed(method="pub fn <a>c</a>(&amp;self) -&gt; u8"):
    """The text for a page with a method, and with what the listing leaves out."""
    own = heading("impl", "impl A") + heading("method", method)
    derefs = heading("method", "pub fn other(&amp;self)")
    traits = heading("impl", "impl Iterator for A") + heading("method trait-impl", "fn next()")
    traits += heading("associatedtype trait-impl", "type Item = u8")
    traits += heading("impl", "impl StructuralPartialEq for A")
    auto = heading("impl", "impl !Send for A") + heading("impl", "impl Freeze for A")
    blanket = heading("impl", "impl&lt;T&gt; Any for T")
    return api.item(Path("a/b/enum.A.html"), PAGE.format(own, derefs, traits, auto, blanket))


class Listing(unittest.TestCase):
    def test_an_item_has_its_declaration_and_what_it_implements(self):
        expected = """
enum a::b::A
    #[non_exhaustive]
    pub
     enum A {
        B(u8),
    }
    impl !Send for A
    impl A: pub fn c(&self) -> u8
    impl Iterator for A
    impl Iterator for A: type Item = u8
"""
        self.assertEqual(listed(), expected)

    def test_a_line_break_in_a_signature_is_no_change(self):
        broken = "pub fn c(\n    &amp;self,\n) -&gt; u8"
        self.assertEqual(listed(broken), listed())

    def test_control_another_result_is_a_change(self):
        self.assertNotEqual(listed("pub fn c(&amp;self) -&gt; u16"), listed())

    def test_a_page_without_an_item_has_no_text(self):
        self.assertEqual(api.item(Path("a/all.html"), "<h1>List of all items</h1>"), "")


if __name__ == "__main__":
    unittest.main()
