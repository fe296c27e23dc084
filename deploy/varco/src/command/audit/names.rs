//! The names of clients and purposes, for people who read records, which hold ids only.
//!
//! They come from the `client.json` of every folder beside the data, because an auditor may have
//! no right to read the registry. An id that none of them knows stays an id.

use std::collections::HashMap;

use varco_runtime::client::read_client_file;
use varco_runtime::config::Config;

/// Names by id, and ids by name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_id: HashMap<String, String>,
    clients: HashMap<String, String>,
    purposes: HashMap<String, String>,
    eservices: HashMap<String, String>,
}

impl Names {
    /// Reads every client's file in the data folder; what cannot be read is left out.
    #[must_use]
    pub fn read(config: &Config) -> Self {
        let mut names = Self::default();
        for group in ["clients", "services"] {
            let folder = std::fs::read_dir(config.folder.join(group));
            for entry in folder.into_iter().flatten().flatten() {
                let Ok(file) = read_client_file(&entry.path()) else {
                    continue;
                };
                names.add_client(
                    file.client_id,
                    entry.file_name().to_string_lossy().into_owned(),
                );
                for (name, purpose) in file.purposes {
                    names.add_eservice(purpose.purpose_id.clone(), purpose.eservice);
                    names.add_purpose(purpose.purpose_id, name);
                }
            }
        }
        names
    }

    /// Adds the name of a client.
    pub fn add_client(&mut self, id: String, name: String) {
        self.clients.insert(name.clone(), id.clone());
        self.by_id.insert(id, name);
    }

    /// Adds the name of a purpose.
    pub fn add_purpose(&mut self, id: String, name: String) {
        self.purposes.insert(name.clone(), id.clone());
        self.by_id.insert(id, name);
    }

    /// Adds the name of the e-service that a purpose is for.
    pub fn add_eservice(&mut self, purpose: String, name: String) {
        self.eservices.insert(purpose, name);
    }

    /// The name of the e-service that a purpose is for, where it is known.
    #[must_use]
    pub fn eservice(&self, purpose: &str) -> Option<&str> {
        self.eservices.get(purpose).map(String::as_str)
    }

    /// The name of an id, or the id itself.
    #[must_use]
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.by_id.get(id).map_or(id, String::as_str)
    }

    /// The id of a client, or what was given.
    #[must_use]
    pub fn client_id(&self, name: String) -> String {
        self.clients.get(&name).cloned().unwrap_or(name)
    }

    /// The id of a purpose, or what was given.
    #[must_use]
    pub fn purpose_id(&self, name: String) -> String {
        self.purposes.get(&name).cloned().unwrap_or(name)
    }
}
