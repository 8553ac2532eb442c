//! A damaged database: it is put aside, what can be read of it is saved into a new one, and that takes its place.
//!
//! - `salvage`: reading what can be read.
//! - `journal`: what of SQLite's log cannot be read any more, which SQLite itself does not tell.
//!
//! **Invariant:** the damaged file is neither changed nor removed, and the new one takes its place only once it is
//! complete. A crash on the way leaves either of them whole, and the next start goes on.

mod journal;
mod salvage;

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::store::Store;
use crate::event::Timestamp;
use crate::inbox::commands;
use crate::log::{Code, Entry, Level};
use crate::routes;
use crate::settings::Settings;
use crate::store::StoreError;
use crate::store::trouble::Trouble;

/// What was done about a damaged database.
#[derive(Debug)]
pub struct Repaired {
    /// What is wrong with it.
    pub reason: String,
    /// Where the damaged file is now; nothing where it was empty.
    pub aside: Option<PathBuf>,
    /// How many rows were saved.
    pub saved: u64,
    /// The tables that could not be read whole.
    pub unread: Vec<&'static str>,
}

impl Repaired {
    /// Whether what waited may have been lost.
    fn has_lost(&self) -> bool {
        self.aside.is_some()
    }

    /// What is said of it.
    pub(super) fn entry(&self, database: &Path, builds: bool) -> Entry {
        let mut reason = format!("the database `{}` was damaged: {}; ", database.display(), self.reason);
        reason.push_str(match (&self.aside, builds) {
            (None, _) => "nothing was in it, and it begins anew: what was stored before is in your backups only",
            (Some(_), true) => {
                "the damaged file was put aside, and what could be read of it goes on; each target is built once more, as \
                 something may have waited that could not be read"
            }
            (Some(_), false) => {
                "the damaged file was put aside, and what could be read of it goes on; something may have waited that \
                 could not be read: have what is missing deployed on the owner's page"
            }
        });
        Entry::new(Level::Error, Code::DatabaseDamaged)
            .with_some("aside", self.aside.as_ref().map(|it| it.display().to_string()))
            .with_some("rows_saved", self.has_lost().then_some(self.saved))
            .with_some("unread", (!self.unread.is_empty()).then(|| self.unread.clone()))
            .with("reason", reason)
    }
}

/// A file beside the database, by what its name ends in.
fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A database that is being made.
const NEW: &str = ".new";
/// A damaged one that is read from.
const COPY: &str = ".copy";
/// How the name of one that was put aside goes on.
const ASIDE: &str = ".damaged-";

/// Opens a database, which is made if there is none; where it is damaged, it is put aside, and what can be read of it is
/// in the one that is opened.
///
/// # Errors
/// Where it cannot be used, and it was left as it is.
pub fn open(database: &Path, at: Timestamp) -> Result<(Store, Option<Repaired>), StoreError> {
    settle(database).map_err(|error| failing(database, &error))?;
    let length = |file: &Path| fs::metadata(file).map(|it| it.len());
    let was_there = length(database);
    let journal = beside(database, "-wal");
    // Unpublished articles are in it: nobody else reads it. SQLite gives its other files the mode of this one.
    private(database).map_err(|error| failing(database, &error))?;
    if was_there.as_ref().is_ok_and(|it| *it == 0) {
        let reason = "its file is empty".to_owned();
        if length(&journal).is_ok_and(|it| it > 0) {
            // SQLite would remove what is in the log.
            return repair(database, reason, at).map(|(store, repaired)| (store, Some(repaired)));
        }
        let repaired = Repaired { reason, aside: None, saved: 0, unread: Vec::new() };
        return Ok((Store::open(database)?, Some(repaired)));
    }
    let lost = journal::lost(&journal).unwrap_or_default();
    let kept = lost.map(|reason| -> io::Result<Repaired> {
        let aside = unused(&beside(database, &format!("{ASIDE}{}", stamp(at))), "-wal");
        fs::copy(&journal, &aside)?;
        Ok(Repaired { reason, aside: Some(aside), saved: 0, unread: Vec::new() })
    });
    let kept = kept.transpose().map_err(|error| failing(database, &error))?;
    match Store::open(database) {
        Ok(store) => Ok((store, kept)),
        Err(StoreError::Disk(Trouble::Damaged { said, .. })) => {
            repair(database, said, at).map(|(store, repaired)| (store, Some(repaired)))
        }
        Err(error) => Err(error),
    }
}

/// Puts a database aside, and makes a new one of what can be read of it.
///
/// # Errors
/// Where that cannot be done; it was left as it is then.
pub fn repair(database: &Path, reason: String, at: Timestamp) -> Result<(Store, Repaired), StoreError> {
    let failed = |error: io::Error| failing(database, &error);
    let [new, copy] = [NEW, COPY].map(|end| beside(database, end));
    clear(&new).and_then(|()| clear(&copy)).map_err(failed)?;
    private(&new).and_then(|_| private(&copy)).map_err(failed)?;
    let mut store = Store::open(&new)?;
    store.close()?;
    let copied = fs::copy(database, &copy).and_then(|_| {
        match fs::copy(beside(database, "-wal"), beside(&copy, "-wal")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(_) | Err(_) => salvage::mend_header(&copy, &new),
        }
    });
    let saved = copied.map_err(failed).and_then(|()| salvage::save(&copy, &mut store));
    // Also where it was in vain, for there may be no room.
    clear(&copy).map_err(failed)?;
    let (saved, unread) = saved?;
    store.close()?;
    drop(store);
    let aside = unused(&beside(database, &format!("{ASIDE}{}", stamp(at))), "");
    fs::rename(database, &aside).and_then(|()| settle(database)).map_err(failed)?;
    Ok((Store::open(database)?, Repaired { reason, aside: Some(aside), saved, unread }))
}

/// Has a new database take the place of one that was put aside, also where a crash came in between.
fn settle(database: &Path) -> io::Result<()> {
    let new = beside(database, NEW);
    if database.exists() || !new.exists() {
        return Ok(());
    }
    let journal = beside(database, "-wal");
    let mut aside = left(database);
    aside.retain(|it| !it.as_os_str().as_encoded_bytes().ends_with(b"-wal"));
    if let (true, Some(aside)) = (journal.exists(), aside.pop()) {
        fs::rename(&journal, beside(&aside, "-wal"))?;
    }
    remove(&beside(database, "-shm"))?;
    fs::rename(&new, database)?;
    let directory = database.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// The files that were put aside and are still there, the oldest first.
pub(super) fn left(database: &Path) -> Vec<PathBuf> {
    let directory = database.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Some(name), Ok(entries)) = (database.file_name(), fs::read_dir(directory)) else {
        return Vec::new();
    };
    let mut begins = name.to_owned();
    begins.push(ASIDE);
    let is_aside = |it: &PathBuf| {
        let name = it.file_name().map(std::ffi::OsStr::as_encoded_bytes);
        name.is_some_and(|it| it.starts_with(begins.as_encoded_bytes()))
    };
    let mut left: Vec<PathBuf> = entries.flatten().map(|it| it.path()).filter(is_aside).collect();
    left.sort();
    left
}

/// What the owner is told for as long as a damaged database lies there.
pub(super) fn trouble(database: &Path) -> Option<String> {
    let left = left(database).pop()?;
    Some(format!(
        "the database was damaged, and what could be read of it goes on: see whether the site is as it should be, then \
         remove `{}`, or keep it elsewhere",
        left.display()
    ))
}

/// Has each target built once, as something may have waited that could not be read. Not where anything is held for the
/// owner's button, which is not to be pressed by this. Tells whether they are.
///
/// # Errors
/// [`StoreError`], where the new database cannot be written either.
pub(super) fn build_again(
    store: &mut Store,
    settings: &Settings,
    repaired: &Repaired,
    at: Timestamp,
) -> Result<bool, StoreError> {
    if !repaired.has_lost() || routes::may_hold(settings) {
        return Ok(false);
    }
    for target in &settings.targets {
        store.commit(commands::deploy(settings, target.name.clone(), at))?;
    }
    Ok(true)
}

fn failing(database: &Path, error: &dyn Display) -> StoreError {
    Trouble::Failing { database: database.display().to_string(), said: error.to_string() }.into()
}

fn private(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)
}

/// Removes a database that was left half made, with what belongs to it.
fn clear(database: &Path) -> io::Result<()> {
    ["", "-wal", "-shm"].iter().try_for_each(|end| remove(&beside(database, end)))
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A time as it stands in a name: `20261125T190726Z`.
fn stamp(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    seconds.replace(['-', ':'], "") + "Z"
}

/// A name that no file has yet: what was put aside is not overwritten either.
fn unused(name: &Path, end: &str) -> PathBuf {
    let first = beside(name, end);
    let mut more = (2..).map(|number: u32| beside(name, &format!("-{number}{end}")));
    if first.exists() { more.find(|it| !it.exists()).unwrap_or(first) } else { first }
}
