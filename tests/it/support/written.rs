//! Settings of a partner as they are written in its file.

use std::fs;
use tidegate::config::{ConfigFault, KeyHash, PartnerSettings, load};

/// The settings of the partner `acme`, whose file holds this text beside a key.
pub fn written(text: &str) -> Result<PartnerSettings, Vec<ConfigFault>> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("partners")).expect("made");
    let text = format!("keys = [\"{}\"]\n{text}", KeyHash::of("acme"));
    for (name, text) in [("tidegate.toml", ""), ("partners/acme.toml", &text)] {
        fs::write(directory.path().join(name), text).expect("written");
    }
    let settings = load(directory.path()).map_err(|faults| faults.0)?;
    Ok(settings.partners.into_iter().next().expect("one partner"))
}

/// What a feed's partner says of its documents: the mapping's own lines, and other sections behind them.
pub fn with_mapping(mapping: &str) -> Result<PartnerSettings, Vec<ConfigFault>> {
    written(&format!("[feed]\nurl = \"https://feeds.example/f.json\"\n[feed.mapping]\n{mapping}"))
}
