//! Keeping things in a directory of this machine.
//!
//! **Invariant:** a file is there whole and durable, or not at all; and nobody but the server's user reads it, for what
//! is not published yet is in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use tokio::task::spawn_blocking;

use crate::actions::Object;
use crate::outbox::Failure;

/// Keeps an object. Keeping it again changes nothing.
///
/// # Errors
/// [`Failure::Unable`], in an owner's words.
pub(super) async fn keep(object: Object) -> Result<(), Failure> {
    let place = object.place.clone();
    let kept = spawn_blocking(move || write(Path::new(&object.place), &object)).await;
    let error = match kept {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(error) => io::Error::other(error),
    };
    Err(Failure::Unable { reason: reason(&place, &error), again: true })
}

fn write(directory: &Path, object: &Object) -> io::Result<()> {
    let file = directory.join(&object.name);
    let parent = file.parent().unwrap_or(directory);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    // Two that keep the same at once do not write into one file.
    let part = parent.join(format!(".{:016x}.part", fastrand::u64(..)));
    let written = || -> io::Result<()> {
        let mut whole = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        whole.write_all(&object.bytes)?;
        whole.sync_all()?;
        fs::rename(&part, &file)?;
        // The names of directories that are new are in those above them.
        for above in parent.ancestors().take_while(|it| it.starts_with(directory)) {
            File::open(above)?.sync_all()?;
        }
        Ok(())
    };
    written().inspect_err(|_| drop(fs::remove_file(&part)))
}

fn reason(place: &str, error: &io::Error) -> String {
    const REMEDIES: [(ErrorKind, &str); 6] = [
        (ErrorKind::StorageFull, FULL),
        (ErrorKind::QuotaExceeded, FULL),
        (
            ErrorKind::PermissionDenied,
            "this server's user may not write there: give the directory to that user",
        ),
        (
            ErrorKind::ReadOnlyFilesystem,
            "it cannot be written: under systemd, name it in `ReadWritePaths=`; in a container, mount it writable",
        ),
        (ErrorKind::NotADirectory, IN_THE_WAY),
        (ErrorKind::AlreadyExists, IN_THE_WAY),
    ];
    const FULL: &str = "the disk is full: make room, or set another directory";
    const IN_THE_WAY: &str = "a file is where a directory should be";
    let remedy = REMEDIES.iter().find(|(kind, _)| *kind == error.kind());
    let remedy = remedy.map_or("it cannot be written", |(_, remedy)| remedy);
    format!("the archive `{place}`: {remedy} ({error})")
}
