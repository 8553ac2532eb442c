//! What is done with the files of a site on this machine, as data: what to do, and what came of it. Doing it is the
//! native edge's business; a Worker has no files.
//!
//! A site that is pulled from Git may not be written into just so: what lies in the place of a file that comes with a
//! pull makes the pull fail. What was written is therefore known, and can be set aside for a pull and put back after it.
//! Whatever came to the machine last is what stays: a commit that changes a file replaces what was written there
//! before; an event that comes after it replaces the file again.

use std::path::PathBuf;

/// Something to do with the files of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The site's directory; the server's own working directory without one. **Invariant:** nothing outside of it is
    /// written, removed or read.
    pub directory: Option<PathBuf>,
    /// What.
    pub task: Task,
}

/// What is done. Each can be done again after it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Carry out the changes that the job carries; they are not copied for it. A file that is as it should be is not
    /// touched.
    Write,
    /// Take out of the site what was written there and is still exactly as it was written, and keep it. What its owner
    /// has changed since is the owner's.
    SetAside,
    /// Note what lies now in the places of what was set aside, so that it is known later what a pull has changed.
    Note,
    /// Put back what was set aside, but where something else has come into its place since that was noted.
    PutBack,
}

/// The files that were changed, set aside or put back; or why that could not be done.
pub type Filed = Result<Vec<String>, FileError>;

/// Why a site's files could not be changed, in an owner's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The site's directory cannot be entered.
    #[error("`SITE_DIR`, which is `{path}`, cannot be entered: {reason}")]
    Site {
        /// The whole path.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A path that leads elsewhere.
    #[error("`{path}` is not a path of an article in `SITE_DIR`")]
    Outside {
        /// From the site's directory.
        path: String,
    },
    /// A part of a path is a symbolic link.
    #[error(
        "`{path}` in `SITE_DIR` is a symbolic link, and nothing is written through one: set `CONTENT_PATH` to the \
         place in `SITE_DIR` that it leads to, or put a directory there"
    )]
    Link {
        /// From the site's directory.
        path: String,
    },
    /// A directory lies where a file is to be.
    #[error(
        "`{path}` in `SITE_DIR` is a directory, and an article's file is to be there: move the directory, or choose \
         another `CONTENT_PATH`"
    )]
    Directory {
        /// From the site's directory.
        path: String,
    },
    /// Something else lies where a directory is to be.
    #[error(
        "`{path}` in `SITE_DIR` is no directory, and articles are to be written into it: move it, or choose another \
         `CONTENT_PATH`"
    )]
    File {
        /// From the site's directory.
        path: String,
    },
    /// The disk is full, or the user's share of it.
    #[error("`{path}` cannot be written, because there is no space left: make room, and it is tried again")]
    NoSpace {
        /// From the site's directory.
        path: String,
    },
    /// The user may not write there.
    #[error(
        "`{path}` in `SITE_DIR` cannot be written, because the server's user may not: give the directory to that user \
         (`chown -R`)"
    )]
    Denied {
        /// From the site's directory.
        path: String,
    },
    /// Anything else.
    #[error("`{path}` cannot be written: {reason}")]
    Other {
        /// From the site's directory, or the whole path of what is kept beside the database.
        path: String,
        /// What the system says.
        reason: String,
    },
}
