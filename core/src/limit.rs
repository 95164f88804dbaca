//! The limit behind a refusal: a hint for whoever reads the error.

use std::{fmt, io};

use crate::sys::limit::Limit;

/// Writes `call: what the system said`, and which limit that speaks of where it is one.
pub(crate) fn tell(f: &mut fmt::Formatter<'_>, call: &str, source: &io::Error) -> fmt::Result {
    write!(f, "{call}: {source}")?;
    match source.raw_os_error().and_then(|number| Limit::of(number, call == "lock")) {
        Some(limit) => write!(f, "; {} may be reached", limit.name()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Error, Options};

    #[test]
    fn an_error_at_a_limit_names_it() {
        // On 32 bits there is room for some.
        let maps = [(); 5].map(|()| Options::new().len(isize::MAX as usize / 2).anonymous());
        let error = maps.into_iter().find_map(Result::err).unwrap();
        assert!(error.to_string().starts_with("map: "), "{error}");
        assert!(error.to_string().contains("the limit of"), "{error}");
    }

    #[test]
    fn other_errors_say_what_the_system_said() {
        let error = Options::new().open("/nowhere/at/all").unwrap_err();
        let Error::Os { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(error.to_string(), format!("open: {source}"));
    }
}
