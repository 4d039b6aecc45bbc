//! The invariants of ARCHITECTURE.md that a look at the files can hold.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every Rust file below a folder, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no Rust files below {folder}");
    found
}

/// The packages that a package is built from, without those for its tests.
fn dependencies(package: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--package",
            package,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.starts_with(&format!("{package} v")), "{tree}");
    tree
}

/// A cold start with aws-lc-rs costs more than a hundred with ring, and any dependency can bring it in.
#[test]
fn no_function_contains_aws_lc() {
    let tree = dependencies("functions");
    assert!(
        tree.contains("\nring v"),
        "the check would not see ring either"
    );
    for unwanted in [
        "aws-lc-rs",
        "aws-lc-sys",
        "openssl",
        "native-tls",
        "aws-config",
    ] {
        assert!(
            !tree.contains(&format!("\n{unwanted} v")),
            "{unwanted} came in; `cargo tree -i {unwanted}` tells how"
        );
    }
}

#[test]
fn the_domain_knows_no_aws_and_no_http() {
    let tree = dependencies("shared");
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let foreign = name.starts_with("aws")
            || [
                "http",
                "hyper",
                "lambda_http",
                "lambda_runtime",
                "tokio",
                "rustls",
            ]
            .contains(&name);
        assert!(!foreign, "shared depends on {name}");
    }
}

/// The domain asks its ports for the time and for randomness, and reads no environment.
#[test]
fn the_domain_is_deterministic() {
    for (path, text) in sources("shared/src") {
        for unwanted in [
            "SystemTime",
            "Instant::now",
            "now_v7",
            "new_v4",
            "env::var",
            "rand::",
            "std::fs",
            "std::net",
        ] {
            assert!(
                !text.contains(unwanted),
                "{} uses {unwanted}",
                path.display()
            );
        }
    }
}

/// What Lambda is, two files know: one for the runtime, one for the request.
#[test]
fn two_files_know_lambda() {
    for (path, text) in sources("functions/src") {
        let may = path.ends_with("src/edge.rs") || path.ends_with("src/call.rs");
        assert!(
            may || !text.contains("lambda_http"),
            "{} knows Lambda",
            path.display()
        );
    }
}

/// Keys of the table are spelled in one file.
#[test]
fn one_file_spells_keys() {
    for folder in ["shared", "functions"] {
        for (path, text) in sources(folder) {
            if path.ends_with("shared/aws/src/keys.rs") {
                continue;
            }
            for prefix in [
                "\"TENANT#",
                "\"CONNECTION#",
                "\"WHEEL#",
                "\"NAME#",
                "\"TOOLS#",
                "\"IDEMPOTENCY#",
                "\"HOUR#",
                "\"INCIDENT#",
            ] {
                assert!(
                    !text.contains(prefix),
                    "{} spells the key {prefix}…",
                    path.display()
                );
            }
        }
    }
}

/// Whoever opens a file is told what it is.
#[test]
fn every_file_says_what_it_is() {
    for folder in ["shared", "functions", "tests"] {
        for (path, text) in sources(folder) {
            let three_lines = path
                .parent()
                .is_some_and(|parent| parent.ends_with("functions/src/bin"));
            assert!(
                three_lines || text.starts_with("//! "),
                "{} has no module comment",
                path.display()
            );
        }
    }
}

/// An async main is compiled again in each binary, with all that it polls: 26 seconds instead of 0.4.
#[test]
fn binaries_are_three_lines() {
    for (path, text) in sources("functions/src/bin") {
        assert_eq!(text.lines().count(), 3, "{}", path.display());
        assert!(!text.contains("async"), "{} is async", path.display());
    }
}

/// A secret that can be printed will be.
#[test]
fn secrets_cannot_be_printed() {
    let text = fs::read_to_string(root().join("shared/src/credential.rs")).unwrap();
    let before = text.split("pub struct Secret(").next().unwrap();
    let derive = before
        .lines()
        .rev()
        .find(|line| line.starts_with("#[derive"))
        .unwrap_or_default();
    assert_eq!(derive, "#[derive(Clone)]", "the derives of Secret");
    for forbidden in [
        "Display for Secret",
        "Debug for Secret",
        "Serialize for Secret",
        "Deref for Secret",
    ] {
        assert!(!text.contains(forbidden), "Secret has {forbidden}");
    }
}
