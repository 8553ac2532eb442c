//! Does what is to be done with a site's files ([`Files`]). What, and what comes next, is decided in the core; nothing
//! here knows of Git or of jobs.
//!
//! Beside the database it is kept which bytes were written where (`….TARGET.written`, one line for each file), and for
//! the time of a pull what was set aside (`….TARGET.aside`).
//!
//! - `beneath`: files below one directory, and nothing outside of it.
//! - `known`: what is kept beside the database.

mod beneath;
mod known;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use percent_encoding::utf8_percent_encode;

use self::beneath::{Beneath, There, failed};
use self::known::{Aside, Kept, Written};
use super::programs::PLAIN;
use crate::content::Change;
use crate::event::sha256;
use crate::files::{FileError, Filed, Files, Task};
use crate::settings::Site;

/// How long Git may take to put its own files into the places of those that were set aside.
const GIT_WITHIN: Duration = Site::PULL_WITHIN;

/// What does it. Made once.
#[derive(Clone, Debug)]
pub struct Disk {
    database: PathBuf,
}

impl Disk {
    /// What is kept lies beside the database.
    pub fn new(database: &Path) -> Disk {
        Disk { database: database.to_owned() }
    }

    /// Does it, for a target and a job with these changes. It takes its time: disks are slow.
    ///
    /// # Errors
    /// [`FileError`]. Then some of it may be done; it can be done again.
    pub fn carry_out(&self, target: &str, files: &Files, changes: &[Change]) -> Filed {
        let site = Beneath::open(files.directory.as_deref().unwrap_or(Path::new(".")))?;
        let site = Place {
            site,
            written: self.beside(target, "written"),
            aside: Aside::new(self.beside(target, "aside")),
        };
        match files.task {
            Task::Write => site.write(changes),
            Task::SetAside => site.set_aside(),
            Task::Note => site.note(),
            Task::PutBack => site.put_back(),
        }
    }

    fn beside(&self, target: &str, what: &str) -> PathBuf {
        let mut path = self.database.clone().into_os_string();
        path.push(format!(".{}.{what}", utf8_percent_encode(target, PLAIN)));
        PathBuf::from(path)
    }
}

/// A site, and what is kept of it.
struct Place {
    site: Beneath,
    written: PathBuf,
    aside: Aside,
}

impl Place {
    fn write(&self, changes: &[Change]) -> Filed {
        // What a pull that was cut off left aside, though no pull may be wanted any more.
        self.put_back()?;
        let before = Written::read(&self.written)?;
        let mut written = Written(before.0.clone());
        let mut due = Vec::new();
        for change in changes {
            let path = change.path();
            let there = self.site.look(path)?;
            let Some(bytes) = bytes(change) else {
                if there != There::Nothing {
                    due.push(change);
                }
                continue;
            };
            let hash = sha256([bytes]);
            if there != There::File(hash.clone()) {
                due.push(change);
            }
            // Should it not come to the writing, what is there now is still known.
            let now = match there {
                There::File(now) if now != hash && before.is(path, &now) => Some(now),
                There::File(_) | There::Nothing | There::Directory | There::Other => None,
            };
            written.0.insert(path.to_owned(), now.into_iter().chain([hash]).collect());
        }
        if written != before {
            written.save(&self.written)?;
        }
        let removed = due.iter().filter(|it| bytes(it).is_none());
        let removed: Vec<&str> = removed.map(|change| change.path()).collect();
        for change in &due {
            match bytes(change) {
                Some(bytes) => self.site.write(change.path(), bytes, None)?,
                None => drop(self.site.remove(change.path())?),
            }
        }
        self.site.settle(due.iter().map(|change| change.path()))?;
        if removed.into_iter().filter(|path| written.0.remove(*path).is_some()).count() > 0 {
            written.save(&self.written)?;
        }
        Ok(due.into_iter().map(|change| change.path().to_owned()).collect())
    }

    fn set_aside(&self) -> Filed {
        // What is aside from before is put back first: it would be forgotten.
        self.put_back()?;
        let before = Written::read(&self.written)?;
        let (mut written, mut kept) = (Written::default(), Vec::new());
        let (mut all, mut offset) = (self.aside.make()?, 0_u64);
        for (path, hashes) in &before.0 {
            // What was put in the way of a file is its owner's, as what was changed is.
            let Ok(There::File(hash)) = self.site.look(path) else { continue };
            if !before.is(path, &hash) {
                continue;
            }
            let mut file = self.site.read(path)?;
            let modified = file.metadata().and_then(|it| it.modified()).map_err(|it| failed(path, it))?;
            let length = io::copy(&mut file, &mut all).map_err(|error| self.aside.failed(error))?;
            let modified = modified.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_nanos());
            let modified = u64::try_from(modified).unwrap_or_default();
            let end = offset.saturating_add(length);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            kept.push(Kept { path: path.clone(), hash, modified, offset, length });
            offset = end;
            written.0.insert(path.clone(), hashes.clone());
        }
        self.aside.list(&all, &kept)?;
        if written != before {
            written.save(&self.written)?;
        }
        for file in &kept {
            self.site.remove(&file.path)?;
        }
        Ok(kept.into_iter().map(|file| file.path).collect())
    }

    fn note(&self) -> Filed {
        let paths: Vec<String> = self.aside.listed()?.into_iter().map(|file| file.path).collect();
        let noted: Vec<(String, String)> =
            paths.iter().map(|path| (path.clone(), word(&self.look(path)))).collect();
        self.aside.note(&noted)?;
        Ok(paths)
    }

    fn put_back(&self) -> Filed {
        let kept = self.aside.listed()?;
        let noted = if kept.is_empty() { None } else { self.aside.noted()? };
        let mut back = Vec::new();
        for kept in kept {
            let Kept { path, hash, modified, .. } = &kept;
            let there = self.look(path);
            let is_as_before = match &noted {
                Some(noted) => noted.get(path).is_some_and(|before| *before == word(&there)),
                None => there == There::Nothing || self.is_of_git(path)?,
            };
            let takes_it = match &there {
                There::Nothing => true,
                There::File(now) => now != hash,
                There::Directory | There::Other => false,
            };
            if !is_as_before || !takes_it {
                continue;
            }
            let modified = UNIX_EPOCH.checked_add(Duration::from_nanos(*modified));
            self.site.write(path, &self.aside.bytes(&kept)?, modified)?;
            back.push(kept.path);
        }
        // Before it is forgotten.
        self.site.settle(back.iter().map(String::as_str))?;
        self.aside.clear()?;
        Ok(back)
    }

    /// Whether what lies at a path, and was not noted before all of it was cut off, was put there by Git right after the
    /// other was set aside; what came later is the owner's.
    fn is_of_git(&self, path: &str) -> Result<bool, FileError> {
        let Ok(file) = self.site.read(path) else { return Ok(false) };
        let modified = file.metadata().and_then(|it| it.modified()).map_err(|it| failed(path, it))?;
        let until = self.aside.made_at()?.checked_add(GIT_WITHIN);
        Ok(until.is_some_and(|until| modified <= until))
    }

    /// What lies at a path. Where nothing can lie there, because a file lies at its directory's place, it is that.
    fn look(&self, path: &str) -> There {
        self.site.look(path).unwrap_or(There::Other)
    }
}

/// What a file is to have; nothing where it is to go.
fn bytes(change: &Change) -> Option<&[u8]> {
    match change {
        Change::Write { text, .. } => Some(text.as_bytes()),
        Change::Put { bytes, .. } => Some(bytes),
        Change::Remove { .. } => None,
    }
}

/// A word that is the same only where the same lies there.
fn word(there: &There) -> String {
    match there {
        There::Nothing => "nothing".to_owned(),
        There::File(hash) => hash.clone(),
        There::Directory => "directory".to_owned(),
        There::Other => "other".to_owned(),
    }
}
