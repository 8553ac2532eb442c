//! What is known of a site's files beside the database: which bytes were written where, by their hash, and what was set
//! aside for a pull. Only the bytes that are set aside are kept, and only for as long as they are.
//!
//! **Invariant:** it is written before the site is: a file of a site that was written is known, whenever the server ends.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::beneath::failed;
use crate::files::FileError;

/// Which bytes were written, by the path of the file: what it has now, and what it is about to have.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Written(pub(super) BTreeMap<String, Vec<String>>);

impl Written {
    /// Reads it; nothing was written where there is none.
    pub(super) fn read(file: &Path) -> Result<Written, FileError> {
        let lines = lines(file)?.unwrap_or_default();
        let parse = |line: &str| {
            let (hashes, path) = line.split_once(' ')?;
            Some((path.to_owned(), hashes.split(',').map(str::to_owned).collect()))
        };
        Ok(Written(lines.lines().filter_map(parse).collect()))
    }

    /// Writes it, as a whole.
    pub(super) fn save(&self, file: &Path) -> Result<(), FileError> {
        let lines = self.0.iter().map(|(path, hashes)| format!("{} {path}\n", hashes.join(",")));
        save(file, lines.collect::<String>().as_bytes())
    }

    /// Whether these bytes are in their place because they were written there.
    pub(super) fn is(&self, path: &str, hash: &str) -> bool {
        self.0.get(path).is_some_and(|known| known.iter().any(|it| it == hash))
    }
}

/// What was set aside: a directory with a file that has all of the bytes, and lists.
pub(super) struct Aside(PathBuf);

/// A file that was set aside.
pub(super) struct Kept {
    pub(super) path: String,
    /// Of its bytes.
    pub(super) hash: String,
    /// When it was last written, in nanoseconds since 1970.
    pub(super) modified: u64,
    /// Where its bytes begin.
    pub(super) offset: u64,
    pub(super) length: usize,
}

impl Aside {
    const BYTES: &str = "bytes";
    /// Once this is there, everything that it lists is kept.
    const LIST: &str = "list";
    /// What lay in the places afterwards.
    const NOTED: &str = "noted";

    pub(super) fn new(directory: PathBuf) -> Aside {
        Aside(directory)
    }

    /// Begins with nothing: the file for the bytes.
    pub(super) fn make(&self) -> Result<File, FileError> {
        self.clear()?;
        let make = || {
            fs::DirBuilder::new().mode(0o700).create(&self.0)?;
            let mut options = OpenOptions::new();
            options.append(true).create_new(true).mode(0o600).open(self.0.join(Aside::BYTES))
        };
        make().map_err(|error| self.failed(error))
    }

    /// Says that all of these are kept.
    pub(super) fn list(&self, bytes: &File, kept: &[Kept]) -> Result<(), FileError> {
        bytes.sync_all().map_err(|error| self.failed(error))?;
        let line =
            |it: &Kept| format!("{} {} {} {} {}\n", it.hash, it.modified, it.offset, it.length, it.path);
        save(&self.0.join(Aside::LIST), kept.iter().map(line).collect::<String>().as_bytes())
    }

    /// What is set aside.
    pub(super) fn listed(&self) -> Result<Vec<Kept>, FileError> {
        let parse = |line: &str| {
            let mut words = line.splitn(5, ' ');
            let (hash, modified) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
            let (offset, length) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some(Kept { hash, modified, offset, length, path: words.next()?.to_owned() })
        };
        let lines = lines(&self.0.join(Aside::LIST))?.unwrap_or_default();
        Ok(lines.lines().filter_map(parse).collect())
    }

    /// When it was listed.
    pub(super) fn made_at(&self) -> Result<SystemTime, FileError> {
        let listed = fs::metadata(self.0.join(Aside::LIST)).and_then(|it| it.modified());
        listed.map_err(|error| self.failed(error))
    }

    /// Notes a word about each path.
    pub(super) fn note(&self, noted: &[(String, String)]) -> Result<(), FileError> {
        let lines = noted.iter().map(|(path, word)| format!("{word} {path}\n"));
        save(&self.0.join(Aside::NOTED), lines.collect::<String>().as_bytes())
    }

    /// The words about the paths; nothing before they were noted.
    pub(super) fn noted(&self) -> Result<Option<BTreeMap<String, String>>, FileError> {
        let Some(lines) = lines(&self.0.join(Aside::NOTED))? else { return Ok(None) };
        let parse = |line: &str| line.split_once(' ').map(|(word, path)| (path.to_owned(), word.to_owned()));
        Ok(Some(lines.lines().filter_map(parse).collect()))
    }

    /// The bytes of one that is set aside.
    pub(super) fn bytes(&self, kept: &Kept) -> Result<Vec<u8>, FileError> {
        let read = || {
            let mut bytes = vec![0; kept.length];
            File::open(self.0.join(Aside::BYTES))?.read_exact_at(&mut bytes, kept.offset)?;
            Ok(bytes)
        };
        read().map_err(|error| self.failed(error))
    }

    /// Forgets all of it.
    pub(super) fn clear(&self) -> Result<(), FileError> {
        let gone = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        };
        // First: without the list nothing is set aside, whatever else is left.
        gone(fs::remove_file(self.0.join(Aside::LIST)))?;
        gone(fs::remove_dir_all(&self.0))
    }

    pub(super) fn failed(&self, error: io::Error) -> FileError {
        failed(&self.0.display().to_string(), error)
    }
}

/// A file's lines; nothing if it is not there.
fn lines(file: &Path) -> Result<Option<String>, FileError> {
    #[expect(clippy::disallowed_methods, reason = "this is an edge")]
    match fs::read_to_string(file) {
        Ok(lines) => Ok(Some(lines)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&file.display().to_string(), error)),
    }
}

/// Replaces a file beside the database as a whole.
fn save(file: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let save = || {
        let mut options = OpenOptions::new();
        let mut new = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        new.write_all(bytes)?;
        new.sync_all()?;
        fs::rename(&beside, file)?;
        // Where it lies is on the disk, too.
        file.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
    };
    save().map_err(|error: io::Error| failed(&file.display().to_string(), error))
}
