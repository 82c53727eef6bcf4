//! axe-core's judgement of a page. It comes from a wheel, as the independent programs do.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::Browser;

const FILE: &str = "axe_playwright_python/axe.min.js";

/// The script of axe-core; `None`, with a line that says so, where it is not installed.
fn script() -> Option<String> {
    let checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("PORTSIDE_VENV").map_or_else(|| checkout.join(".venv"), PathBuf::from);
    let pythons = fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    let found = pythons.map(|python| python.path().join("site-packages").join(FILE)).find(|path| path.exists());
    if found.is_none() {
        let words = format!("no axe-core in {} (`make setup` installs it)", venv.display());
        assert!(std::env::var_os("PORTSIDE_NEEDS_BROWSER").is_none(), "{words}, and this run must have it");
        println!("skipped: {words}");
    }
    found.map(|path| fs::read_to_string(path).unwrap())
}

impl Browser {
    /// axe-core finds nothing serious or critical.
    pub fn is_accessible(&self) {
        let bad = self.violations().unwrap_or_default();
        assert!(bad.is_empty(), "{} at {}:\n{}", self.name, self.address(), bad.join("\n"));
    }

    /// What axe-core finds serious or critical; `None` where it is not installed.
    pub fn violations(&self) -> Option<Vec<String>> {
        let script = script()?;
        // Commands of the driver are exempt from the page's Content-Security-Policy, so nothing of it is switched off.
        self.run(&format!("if (!globalThis.axe) {{ {script} }}"), &[]);
        let found = self.run("return axe.run(document, { resultTypes: ['violations'] })", &[]);
        assert!(found["testEngine"]["version"].is_string(), "axe-core did not run: {found}");
        Some(found["violations"].as_array().unwrap().iter().filter(is_bad).map(words).collect())
    }
}

fn is_bad(violation: &&Value) -> bool {
    matches!(violation["impact"].as_str(), Some("serious" | "critical"))
}

fn words(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    let nodes: Vec<String> = nodes.map(|node| format!("  {} {}", node["html"], node["failureSummary"])).collect();
    format!("{}: {}\n{}", violation["id"], violation["help"], nodes.join("\n"))
}
