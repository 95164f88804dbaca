//! Comparison of slices that own their bytes: as `[u8]`, which `Borrow<[u8]>` requires.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use super::{FileBytes, SnapshotSlice};

macro_rules! as_slice {
    ($type:ty) => {
        impl Borrow<[u8]> for $type {
            #[inline]
            fn borrow(&self) -> &[u8] {
                self
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &$type) -> bool {
                **self == **other
            }
        }

        impl Eq for $type {}

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &$type) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &$type) -> Ordering {
                (**self).cmp(&**other)
            }
        }

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                (**self).hash(state);
            }
        }
    };
}

as_slice!(FileBytes);
as_slice!(SnapshotSlice);
