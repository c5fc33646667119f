//! The `openssl` commands of the vendor's guide, run in one folder. Names hold no white space.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs one command that succeeds and returns what it prints.
pub(crate) fn openssl(folder: &Path, arguments: &str) -> String {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// A root: `<name>.key`, `<name>.pem`.
pub(crate) fn root(folder: &Path, name: &str, common_name: &str) {
    openssl(folder, &format!("genrsa -out {name}.key 2048"));
    openssl(
        folder,
        &format!(
            "req -x509 -new -nodes -key {name}.key -sha256 -days 1024 -out {name}.pem -subj /C=CN/O=Test/CN={common_name}"
        ),
    );
}

/// Key, request and `openssl x509 -req`: RSA-2048, and with OpenSSL 3.0 a version 1 certificate.
pub(crate) fn sign(folder: &Path, root: &str, name: &str, common_name: &str) {
    openssl(folder, &format!("genrsa -out {name}.key 2048"));
    openssl(
        folder,
        &format!("req -new -key {name}.key -out {name}.csr -subj /C=CN/O=Test/CN={common_name}"),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {root}.pem -CAkey {root}.key -CAcreateserial -out {name}.pem -days 500 -sha256"
        ),
    );
}

/// As it is printed: upper case, with colons. `digest`: `sha256` or `sha1`.
pub(crate) fn fingerprint(folder: &Path, name: &str, digest: &str) -> String {
    let printed = openssl(
        folder,
        &format!("x509 -fingerprint -{digest} -noout -in {name}.pem"),
    );
    let (_, fingerprint) = printed.trim().split_once('=').unwrap();
    assert!(fingerprint.contains(':'), "{printed}");
    fingerprint.to_owned()
}
