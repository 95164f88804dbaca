//! Names of the symbols that assembly code defines.

/// The symbol of something in assembly code, without the underscore that Apple's systems prepend.
/// It contains the version, so that two versions of the crate can be linked together.
macro_rules! symbol_name {
    ($name:expr) => {
        concat!(
            "safemap_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH"),
            "_",
            $name
        )
    };
}
