//! Examples in the pages of the documentation.

/// Checks that each example in Rust of a page, of which there are at least so many, is a part of
/// `source`. White space does not count.
///
/// # Panics
///
/// If an example is missing.
pub fn ensure_examples_are_in(page: &str, source: &str, at_least: usize) {
    let (blocks, source) = (page.split("```rust\n").skip(1), words(source));
    assert!(blocks.clone().count() >= at_least);
    for block in blocks {
        let example = words(block.split("```").next().unwrap_or_default());
        assert!(source.contains(&example), "{example}");
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
