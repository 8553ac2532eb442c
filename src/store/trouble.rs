//! What can be wrong with a database that lies in a file, in its owner's words: where it is, and what to do. Finding it
//! out is the native edge's business; a Worker's store has no file.

/// What is wrong with a database's file, or with the disk that it is on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The disk takes no more.
    #[error(
        "there is no room left on the disk of the database `{database}`: make room there, and it goes on by itself"
    )]
    Full {
        /// The file.
        database: String,
    },
    /// The disk takes no more before long.
    #[error(
        "the disk of the database `{database}` has only {left} KB left: make room there, for long webhooks may not be \
         stored any more"
    )]
    Scarce {
        /// The file.
        database: String,
        /// What is left, in thousands of bytes.
        left: u64,
    },
    /// Nobody may write, or this user may not.
    #[error(
        "the database `{database}` cannot be written, for its file or its disk is read-only: have the server's user \
         write there again, and it goes on by itself"
    )]
    ReadOnly {
        /// The file.
        database: String,
    },
    /// The disk does not do what it should.
    #[error(
        "the disk of the database `{database}` fails ({said}): the system's log says more; once the disk works again, it \
         goes on by itself"
    )]
    Failing {
        /// The file.
        database: String,
        /// What SQLite says.
        said: String,
    },
    /// Another program has it open, and writes.
    #[error(
        "another program has locked the database `{database}`: end that program, and it goes on by itself"
    )]
    Locked {
        /// The file.
        database: String,
    },
    /// What is in the file contradicts itself.
    #[error("the database `{database}` is damaged ({said})")]
    Damaged {
        /// The file.
        database: String,
        /// What SQLite says.
        said: String,
    },
    /// The file does not begin as a database does.
    #[error(
        "`{database}` is no database, and was left as it is: if `DATABASE` is to be another file, set it; if this was the \
         server's database, `presshook repair` puts it aside, saves what can be read of it, and makes a new one"
    )]
    Foreign {
        /// The file.
        database: String,
    },
    /// It is a database of another program.
    #[error(
        "`{database}` is the database of another program, and was left as it is: set `DATABASE` to a file of Presshook's \
         own"
    )]
    Strange {
        /// The file.
        database: String,
    },
}

impl Trouble {
    /// What is wrong with the file itself, if anything is: waiting mends nothing then.
    pub fn damage(&self) -> Option<&str> {
        match self {
            Trouble::Damaged { said, .. } => Some(said),
            Trouble::Foreign { .. } => Some("its file does not begin as a database does"),
            Trouble::Full { .. }
            | Trouble::Scarce { .. }
            | Trouble::ReadOnly { .. }
            | Trouble::Failing { .. }
            | Trouble::Locked { .. }
            | Trouble::Strange { .. } => None,
        }
    }
}
