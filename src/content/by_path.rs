//! A map from paths, in their order.

/// What belongs to paths, in their order. It is some hundreds: for those a list takes a tenth of a tree's code.
#[derive(Clone, Debug)]
pub(crate) struct ByPath<T>(Vec<(String, T)>);

impl<T> Default for ByPath<T> {
    fn default() -> ByPath<T> {
        ByPath(Vec::new())
    }
}

impl<T> ByPath<T> {
    /// Where a path is, or else would be.
    fn find(&self, path: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(path))
    }

    /// What belongs to a path.
    pub(crate) fn get(&self, path: &str) -> Option<&T> {
        self.find(path).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// Has this belong to a path, and nothing else any more.
    #[inline(never)]
    pub(crate) fn insert(&mut self, path: String, value: T) {
        match self.find(&path) {
            Ok(at) => {
                if let Some((_, known)) = self.0.get_mut(at) {
                    *known = value;
                }
            }
            Err(at) => self.0.insert(at, (path, value)),
        }
    }

    /// Has nothing belong to a path; what did.
    #[inline(never)]
    pub(crate) fn remove(&mut self, path: &str) -> Option<T> {
        self.find(path).ok().map(|at| self.0.remove(at).1)
    }

    /// Each path, and what belongs to it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(path, value)| (path.as_str(), value))
    }

    /// Each path, and what belongs to it.
    pub(crate) fn into_vec(self) -> Vec<(String, T)> {
        self.0
    }
}
