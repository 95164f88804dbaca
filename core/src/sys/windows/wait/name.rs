//! The names of semaphores.

use std::ffi::OsString;

use crate::sys::{
    place::{Object, Place},
    windows::{file::Id, section::Name},
};

impl Place<'_> {
    /// Returns the name that all processes derive for the word, if they can.
    ///
    /// The name of a word in memory with a name is in the namespace of that. Other names are those
    /// of this session.
    pub(super) fn name(&self) -> Option<Name> {
        self.text().and_then(|text| Name::new(&text).ok())
    }

    fn text(&self) -> Option<OsString> {
        let offset = self.offset;
        match self.object {
            Object::File(file, id) => {
                let Id { volume, file } = id.of(file)?;
                Some(format!(r"Local\safemap-wait.{volume:x}.{file:x}.{offset:x}").into())
            }
            Object::Named(name) => {
                let mut text = name.to_owned();
                text.push(format!(".safemap-wait.{offset:x}"));
                Some(text)
            }
            Object::Own(number) => {
                let process = std::process::id();
                Some(format!(r"Local\safemap-wait.{process:x}/{number:x}/{offset:x}").into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        fs::{self, File},
        os::windows::io::AsHandle,
    };

    use super::*;
    use crate::sys::file::FileId;

    fn text(object: Object<'_>, offset: u64) -> OsString {
        Place { object, offset }.text().unwrap()
    }

    fn text_of_file(file: &File, offset: u64) -> OsString {
        text(Object::File(Some(file.as_handle()), &FileId::new(None)), offset)
    }

    #[test]
    fn words_of_different_objects_and_offsets_have_different_names() {
        let files = [(); 3].map(|()| tempfile::tempfile().unwrap());
        let mut names = HashSet::new();
        for offset in [0, 4, 0x40, 0x4_0000_0000] {
            names.extend(files.iter().map(|file| text_of_file(file, offset)));
            names.extend(["a", r"Global\a"].map(|name| text(Object::Named(name.as_ref()), offset)));
            names.extend([1, 0x14].map(|number| text(Object::Own(number), offset)));
        }
        assert_eq!(names.len(), 4 * 7);
        let longest = names.iter().map(|name| name.len()).max();
        assert!(longest < Some(100), "the limit of Windows is 260");
    }

    #[test]
    fn handles_and_paths_of_one_file_have_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "two"].map(|name| folder.path().join(name));
        fs::write(&paths[0], b"").unwrap();
        fs::hard_link(&paths[0], &paths[1]).unwrap();
        let [one, two] = paths.map(|path| File::open(path).unwrap());
        assert_eq!(text_of_file(&one, 8), text_of_file(&two, 8));
        let not_kept = FileId::new(Some(two.as_handle()));
        assert_eq!(text(Object::File(None, &not_kept), 8), text_of_file(&one, 8));
    }

    #[test]
    fn a_file_without_identity_has_no_name() {
        let place = Place { object: Object::File(None, &FileId::new(None)), offset: 0 };
        assert!(place.name().is_none());
    }
}
