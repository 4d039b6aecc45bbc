//! What the local stack keeps between two runs besides the data of the two services: its keys and its demo tenants.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{ambient, private_file, stack::DemoTenant};

pub struct State {
    folder: Option<PathBuf>,
    pub kept: Kept,
}

#[derive(Serialize, Deserialize)]
pub struct Kept {
    pub signing_key: String,
    pub key_pepper: String,
    pub tenants: Vec<DemoTenant>,
}

const FILE: &str = "stack.json";

impl State {
    /// Opens what is kept in `folder`, or begins anew; without a folder nothing is kept.
    pub fn open(folder: Option<&Path>) -> io::Result<Self> {
        let folder = folder.map(Path::to_owned);
        let mut kept = None;
        if let Some(folder) = &folder {
            fs::create_dir_all(folder)?;
            kept = match fs::read(folder.join(FILE)) {
                Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(io::Error::other)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        let state = Self {
            folder,
            kept: kept.unwrap_or_else(Kept::new),
        };
        state.save()?;
        Ok(state)
    }

    /// A file in the folder; nothing when nothing is kept.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    pub fn save(&self) -> io::Result<()> {
        match self.file(FILE) {
            Some(file) => private_file::write(&file, &serde_json::to_vec_pretty(&self.kept)?),
            None => Ok(()),
        }
    }
}

impl Kept {
    fn new() -> Self {
        Self {
            signing_key: random_key(),
            key_pepper: random_key(),
            tenants: Vec::new(),
        }
    }
}

fn random_key() -> String {
    format!("{}{}", ambient::id().simple(), ambient::id().simple())
}
