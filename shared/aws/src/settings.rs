//! Where AWS is and as whom it is called: what the environment of a Lambda says.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use http::Uri;
use rustls::pki_types::{CertificateDer, pem::PemObject};

const REGION: &str = "AWS_REGION";
const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
const SECRETS_MANAGER_ENDPOINT: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Everything the clients are built from. The secret key is not shown by `Debug`.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    pub region: String,
    pub credentials: Credentials,
    /// Replaces the region's endpoint: by a local stack's, or a VPC endpoint's.
    pub dynamodb_endpoint: Option<String>,
    pub secrets_manager_endpoint: Option<String>,
    /// A PEM file of roots that are trusted besides the public ones.
    pub ca_bundle: Option<PathBuf>,
}

/// Settings that no client can be built from. Names the variable that is to be set or corrected.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("{0} {1}")]
    Invalid(&'static str, String),
}

impl AwsSettings {
    /// Reads the variables that AWS defines. An empty one counts as absent.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| optional(name).ok_or(SettingsError::Missing(name));
        let settings = Self {
            region: required(REGION)?,
            credentials: Credentials::new(
                required(ACCESS_KEY_ID)?,
                required(SECRET_ACCESS_KEY)?,
                optional(SESSION_TOKEN),
                None,
                "environment",
            ),
            dynamodb_endpoint: optional(DYNAMODB_ENDPOINT),
            secrets_manager_endpoint: optional(SECRETS_MANAGER_ENDPOINT),
            ca_bundle: optional(CA_BUNDLE).map(PathBuf::from),
        };
        // What is wrong with them is to be known at the start, not at the first request.
        settings.dynamodb_uri()?;
        settings.secrets_manager_uri()?;
        Ok(settings)
    }

    pub(crate) fn dynamodb_uri(&self) -> Result<Uri, SettingsError> {
        let given = self.dynamodb_endpoint.as_deref();
        self.endpoint("dynamodb", given, DYNAMODB_ENDPOINT)
    }

    pub(crate) fn secrets_manager_uri(&self) -> Result<Uri, SettingsError> {
        let given = self.secrets_manager_endpoint.as_deref();
        self.endpoint("secretsmanager", given, SECRETS_MANAGER_ENDPOINT)
    }

    pub(crate) fn extra_roots(&self) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
        let Some(path) = &self.ca_bundle else {
            return Ok(Vec::new());
        };
        let invalid = |problem: String| SettingsError::Invalid(CA_BUNDLE, problem);
        let roots = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| invalid(format!("cannot be read as PEM: {error}")))?;
        if roots.is_empty() {
            return Err(invalid("holds no certificate".to_owned()));
        }
        Ok(roots)
    }

    fn endpoint(
        &self,
        service: &str,
        given: Option<&str>,
        variable: &'static str,
    ) -> Result<Uri, SettingsError> {
        if let Some(given) = given {
            return origin(given).ok_or_else(|| {
                let problem = "is not an http or https URL of a host, without a path";
                SettingsError::Invalid(variable, problem.to_owned())
            });
        }
        let region = &self.region;
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let suffix = dns_suffix(region);
        Some(format!("https://{service}.{region}.{suffix}"))
            .filter(|_| region.bytes().all(plain))
            .and_then(|url| origin(&url))
            .ok_or_else(|| SettingsError::Invalid(REGION, "is not a region's name".to_owned()))
    }
}

/// Takes an origin and nothing more: requests go to `/`, and a port that the scheme implies is not part of what is signed.
fn origin(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let implied = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = uri.authority()?.as_str();
    if uri.host()?.is_empty() || authority.contains('@') || uri.path_and_query()? != "/" {
        return None;
    }
    if uri.port_u16() != Some(implied) {
        return Some(uri);
    }
    format!("{scheme}://{}/", uri.host()?).parse().ok()
}

/// The domain of the partition that a region belongs to, told by the region's prefix as AWS itself does.
fn dns_suffix(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
    ];
    PARTITIONS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("amazonaws.com", |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
    use aws_sdk_secretsmanager::config::endpoint as secrets_manager;

    use super::*;

    const COMPLETE: [(&str, &str); 4] = [
        (REGION, "eu-central-1"),
        (ACCESS_KEY_ID, "AKIDEXAMPLE"),
        (SECRET_ACCESS_KEY, "secret-key"),
        (SESSION_TOKEN, "token"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<AwsSettings, SettingsError> {
        let mut variables = HashMap::from(COMPLETE);
        variables.extend(changes.iter().copied());
        AwsSettings::from_env(&|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn an_absent_variable_is_named() {
        for name in [REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY] {
            let error = read(&[(name, "")]).unwrap_err();
            assert_eq!(error, SettingsError::Missing(name));
            assert_eq!(error.to_string(), format!("{name} is not set"));
        }
    }

    #[test]
    fn long_lived_credentials_have_no_session_token() {
        let token = |settings: AwsSettings| settings.credentials.session_token().map(str::to_owned);
        assert_eq!(token(read(&[]).unwrap()), Some("token".to_owned()));
        assert_eq!(token(read(&[(SESSION_TOKEN, "")]).unwrap()), None);
    }

    #[test]
    fn a_malformed_variable_is_named() {
        let urls = [
            "dynamodb:8000",
            "ftp://localhost",
            "http://localhost:8000/path",
            "http://localhost/?query",
            "https://user@localhost",
            "https://",
        ];
        for variable in [DYNAMODB_ENDPOINT, SECRETS_MANAGER_ENDPOINT] {
            for url in urls {
                let error = read(&[(variable, url)]).unwrap_err().to_string();
                assert!(error.starts_with(variable), "{url}: {error}");
            }
        }
        for region in ["eu-central-1.example.com/", "EU", "a b"] {
            let error = read(&[(REGION, region)]).unwrap_err().to_string();
            assert_eq!(error, "AWS_REGION is not a region's name");
        }
    }

    #[test]
    fn the_port_that_a_scheme_implies_is_left_out() {
        for (given, kept) in [
            ("http://localhost:8000", "http://localhost:8000/"),
            ("http://127.0.0.1:80", "http://127.0.0.1/"),
            ("http://[::1]:443/", "http://[::1]:443/"),
            (
                "https://vpce-1.example.com:443/",
                "https://vpce-1.example.com/",
            ),
            ("https://localhost:8443", "https://localhost:8443/"),
        ] {
            let settings = read(&[(DYNAMODB_ENDPOINT, given)]).unwrap();
            assert_eq!(settings.dynamodb_uri().unwrap(), kept);
        }
    }

    /// The rules that the SDK ships are the authority; ours must say the same for a region of every partition.
    #[tokio::test]
    async fn endpoints_are_those_of_the_sdk() {
        for region in [
            "us-east-1",
            "eu-central-1",
            "mx-central-1",
            "cn-north-1",
            "cn-northwest-1",
            "us-gov-east-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "us-isof-south-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
        ] {
            let settings = read(&[(REGION, region)]).unwrap();

            let params = Params::builder().region(region).build().unwrap();
            let endpoint = DefaultResolver::new()
                .resolve_endpoint(&params)
                .await
                .unwrap();
            assert_eq!(
                settings.dynamodb_uri().unwrap(),
                *format!("{}/", endpoint.url())
            );

            let params = secrets_manager::Params::builder()
                .region(region)
                .build()
                .unwrap();
            let resolver = secrets_manager::DefaultResolver::new();
            let endpoint = secrets_manager::ResolveEndpoint::resolve_endpoint(&resolver, &params);
            let url = format!("{}/", endpoint.await.unwrap().url());
            assert_eq!(settings.secrets_manager_uri().unwrap(), *url);
        }
    }

    #[test]
    fn a_bundle_that_holds_no_certificate_is_refused() {
        for (file, problem) in [
            ("/nonexistent/ca.pem", "cannot be read as PEM"),
            ("Cargo.toml", "holds no certificate"),
        ] {
            let settings = read(&[(CA_BUNDLE, file)]).unwrap();
            let error = settings.extra_roots().unwrap_err().to_string();
            assert!(
                error.starts_with("AWS_CA_BUNDLE ") && error.contains(problem),
                "{error}"
            );
        }
    }

    #[test]
    fn the_secret_key_is_not_shown() {
        let shown = format!("{:?}", read(&[]).unwrap());
        assert!(
            shown.contains("AKIDEXAMPLE") && !shown.contains("secret-key"),
            "{shown}"
        );
    }
}
