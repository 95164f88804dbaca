//! Adds to the message of an operating-system error what may be its cause, as a resource limit, or
//! what to do.

use std::{fmt, io};

use crate::sys::rlimit::{ResourceLimit, remedy};

/// Writes `call: message of the system`, followed by the resource limit that may have been reached,
/// or by what to do.
pub(crate) fn write_os_error(
    f: &mut fmt::Formatter<'_>,
    call: &str,
    source: &io::Error,
) -> fmt::Result {
    write!(f, "{call}: {source}")?;
    let Some(code) = source.raw_os_error() else { return Ok(()) };
    match (limit(call, code), remedy(call, code)) {
        (Some(limit), _) => write!(f, "; {limit} may be reached"),
        (None, Some(remedy)) => write!(f, "; {remedy}"),
        (None, None) => Ok(()),
    }
}

/// Returns the resource limit that may be the cause of the system's error code.
pub(crate) fn limit(call: &str, code: i32) -> Option<&'static str> {
    ResourceLimit::of(code, call).map(ResourceLimit::name)
}

#[cfg(test)]
mod tests {
    use crate::{Error, Options, sys::size};

    #[test]
    fn an_error_caused_by_a_resource_limit_names_the_limit() {
        // The program itself occupies more. On 32-bit systems the first of these maps may succeed.
        let maps = [(); 5].map(|()| Options::new().len(size::MAX - (1 << 20)).anonymous());
        let error = maps.into_iter().find_map(Result::err).unwrap();
        assert!(error.to_string().starts_with("map: "), "{error}");
        assert!(error.to_string().contains("the limit of"), "{error}");
    }

    #[test]
    fn other_errors_contain_only_the_message_of_the_system() {
        let error = Options::new().open("/nowhere/at/all").unwrap_err();
        let Error::Os { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(error.to_string(), format!("open: {source}"));
    }
}
