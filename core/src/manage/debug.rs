//! What `Debug` prints of a map.

use std::fmt::{Debug, Formatter, Result};

use crate::{Map, map::Origin, sys};

impl Debug for Map {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut text = f.debug_struct("Map");
        text.field("len", &self.len());
        text.field("access", &self.access());
        text.field("sharing", &self.sharing());
        if let Origin::File { file, offset } = &self.origin {
            match file {
                Some(file) => text.field("file", &sys::number(sys::borrow(file))),
                None => text.field("file", &format_args!("untracked")),
            };
            text.field("offset", offset);
        }
        if let Some(path) = self.path() {
            text.field("path", &path);
        }
        if let Some(name) = self.name() {
            text.field("name", &name);
        }
        text.finish()
    }
}
