//! The formats of words, as letters of `struct`.

use std::ffi::{c_long, c_ulong};

use pyo3::{
    exceptions::{PyOverflowError, PyValueError},
    prelude::*,
};

/// The type of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

/// Evaluates an expression with a type that is that of the format.
macro_rules! with_integer {
    ($format:expr, $word:ident => $value:expr, _ => $float:expr) => {{
        macro_rules! of {
            ($of:ty) => {{
                type $word = $of;
                $value
            }};
        }
        match $format {
            Format::U8 => of!(u8),
            Format::U16 => of!(u16),
            Format::U32 => of!(u32),
            Format::U64 => of!(u64),
            Format::I8 => of!(i8),
            Format::I16 => of!(i16),
            Format::I32 => of!(i32),
            Format::I64 => of!(i64),
            Format::F32 | Format::F64 => $float,
        }
    }};
}

/// The same, for floats too.
macro_rules! with_word {
    ($format:expr, $word:ident => $value:expr) => {
        match $format {
            Format::F32 => {
                type $word = f32;
                $value
            }
            Format::F64 => {
                type $word = f64;
                $value
            }
            format => with_integer!(format, $word => $value, _ => unreachable!()),
        }
    };
}

pub(super) use {with_integer, with_word};

impl Format {
    /// Converts a format of `struct`: one letter, with the machine's sizes and byte order.
    pub(super) fn parse(text: &str) -> PyResult<Format> {
        let long = size_of::<c_long>() == 8;
        Ok(match text.strip_prefix('@').unwrap_or(text) {
            "B" => Format::U8,
            "H" => Format::U16,
            "I" => Format::U32,
            "L" if size_of::<c_ulong>() == 4 => Format::U32,
            "Q" | "L" | "N" => Format::U64,
            "b" => Format::I8,
            "h" => Format::I16,
            "i" => Format::I32,
            "l" if !long => Format::I32,
            "q" | "l" | "n" => Format::I64,
            "f" => Format::F32,
            "d" => Format::F64,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "bad format {text:?}: not one of bBhHiIlLqQnNfd"
                )));
            }
        })
    }
}

/// Completes the conversion of a Python number to a word.
///
/// # Errors
///
/// ValueError with the number if the type of the word does not have it.
pub(super) fn in_range<T>(word: PyResult<T>, value: &Bound<'_, PyAny>) -> PyResult<T> {
    word.map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            PyValueError::new_err(format!("{value} out of range for the format"))
        } else {
            error
        }
    })
}
