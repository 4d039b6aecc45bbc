//! No function has a right that it does not use, and none lacks one.
//!
//! Everything that a function can do is done here, in every branch, and what it then asks of DynamoDB and Secrets Manager is held against
//! its policies in template.yaml.

mod bifrost;
mod branches;
mod checks;
mod oauth;
mod portkey;
mod samples;
mod sessions;
mod virtual_keys;

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use harness::contract::Contract;
use local::{
    fault::{Access, SeenRequest, Service},
    template::{ACCOUNT, REGION, Template},
};

use self::{
    branches::{after_crashes, in_every_branch},
    checks::By,
};
use crate::crashes::Change;

/// They have no business with credentials, so a flaw in them can leak none.
const WITHOUT_SECRETS: [&str; 64] = [
    "authorize",
    "authorize-portkey",
    "bifrost-clients-filterdata",
    "bifrost-clients-list",
    "bifrost-clients-read",
    "bifrost-headers-read",
    "bifrost-keys-create",
    "bifrost-keys-delete",
    "bifrost-keys-list",
    "bifrost-keys-read",
    "bifrost-keys-rotate",
    "bifrost-keys-tools",
    "bifrost-keys-update",
    "bifrost-oauth-reauthorize",
    "bifrost-oauth-status",
    "bifrost-openapi-read",
    "bifrost-sessions-create",
    "bifrost-sessions-list",
    "bifrost-sessions-reauth",
    "create-system-key",
    "create-tenant",
    "native-connections-health",
    "native-connections-list",
    "native-connections-read",
    "native-connections-tools",
    "openapi",
    "portkey-audit-list",
    "portkey-integrations-list",
    "portkey-integrations-list-capabilities",
    "portkey-integrations-list-workspaces",
    "portkey-integrations-read",
    "portkey-integrations-read-metadata",
    "portkey-integrations-update-capabilities",
    "portkey-keys-create-organisation-service",
    "portkey-keys-create-workspace-service",
    "portkey-keys-create-workspace-user",
    "portkey-keys-delete",
    "portkey-keys-list",
    "portkey-keys-read",
    "portkey-keys-read-self",
    "portkey-keys-rotate",
    "portkey-keys-update",
    "portkey-members-create",
    "portkey-members-list",
    "portkey-members-read",
    "portkey-members-update",
    "portkey-openapi-read",
    "portkey-servers-check-user-access",
    "portkey-servers-create",
    "portkey-servers-list",
    "portkey-servers-list-capabilities",
    "portkey-servers-list-connections",
    "portkey-servers-list-user-access",
    "portkey-servers-read-metadata",
    "portkey-servers-sync-capabilities",
    "portkey-servers-sync-metadata",
    "portkey-servers-update",
    "portkey-servers-update-capabilities",
    "portkey-servers-update-user-access",
    "portkey-workspaces-create",
    "portkey-workspaces-list",
    "portkey-workspaces-read",
    "portkey-workspaces-update",
    "revoke-system-key",
];

/// Each of them has a stack of its own, which wants its share of the processor to start.
const AT_ONCE: usize = 8;

/// One action on one resource.
type Right = (String, String);

#[tokio::test(flavor = "multi_thread")]
async fn no_function_has_a_right_it_does_not_use_and_none_lacks_one() {
    // It takes seconds, for which nobody else's stack is to wait.
    Contract::load();
    let mut work: Vec<BoxFuture<'static, Vec<SeenRequest>>> = Vec::new();
    // What takes longest begins first.
    work.push(portkey::in_every_branch().boxed());
    work.push(bifrost::in_every_branch().boxed());
    work.push(oauth::in_every_branch().boxed());
    work.extend(oauth::Step::ALL.map(|step| oauth::after_it_broke_off(step).boxed()));
    let changes = bifrost::Change::ALL;
    work.extend(changes.map(|change| bifrost::after_it_broke_off(change).boxed()));
    let changes = portkey::Change::ALL;
    work.extend(changes.map(|change| portkey::after_it_broke_off(change).boxed()));
    work.extend(Change::ALL.map(|change| after_crashes(change).boxed()));
    work.extend(By::ALL.map(|by| checks::made(by).boxed()));
    work.extend(By::ALL.map(|by| oauth::renewed(by).boxed()));
    work.push(in_every_branch().boxed());
    work.push(sessions::in_every_branch().boxed());
    work.push(sessions::after_it_broke_off().boxed());
    work.push(virtual_keys::in_every_branch().boxed());
    work.push(samples::in_every_branch().boxed());
    let seen = stream::iter(work)
        .map(|some| async { tokio::spawn(some).await.unwrap() })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await
        .concat();

    let template = Template::parse(local::stack::TEMPLATE, &BTreeMap::new()).unwrap();
    let mut problems = lacking(&template, &seen);
    let used = used(&seen);
    for (function, granted) in granted(&template) {
        for (action, resource) in granted {
            let is_used = used.get(&function).is_some_and(|used| {
                used.iter()
                    .any(|(used, on)| *used == action && matches(&resource, on))
            });
            if !is_used {
                problems.push(format!("{function}: remove {action} on {resource}"));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "template.yaml:\n{}",
        problems.join("\n")
    );
}

#[test]
fn no_right_reaches_further_than_our_own_table_and_secrets() {
    let template = Template::parse(local::stack::TEMPLATE, &BTreeMap::new()).unwrap();
    let [table] = template.tables.as_slice() else {
        panic!("there is one table");
    };
    let table = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}", table.name);
    for function in &template.functions {
        let prefix = &function.environment["STEWARD_SECRET_PREFIX"];
        let allowed = [
            table.clone(),
            format!("{table}/index/unfinished"),
            format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{prefix}/*"),
        ];
        for statement in &function.statements {
            let name = &function.binary;
            assert!(!statement.actions.is_empty(), "{name}");
            for action in &statement.actions {
                assert!(!action.contains('*'), "{name}: {action}");
                let is_secret = action.starts_with("secretsmanager:");
                let may_not = is_secret && WITHOUT_SECRETS.contains(&name.as_str());
                assert!(!may_not, "{name}: {action}");
            }
            for resource in &statement.resources {
                assert!(allowed.contains(resource), "{name}: {resource}");
            }
        }
    }
}

/// What functions have asked for and may not.
pub fn lacking(template: &Template, seen: &[SeenRequest]) -> Vec<String> {
    let granted = granted(template);
    let mut lacking = Vec::new();
    for (function, used) in used(seen) {
        let granted = granted.get(&function).cloned().unwrap_or_default();
        for (action, resource) in used {
            let is_granted = granted
                .iter()
                .any(|(right, on)| *right == action && matches(on, &resource));
            if !is_granted {
                lacking.push(format!("{function}: add {action} on {resource}"));
            }
        }
    }
    lacking
}

fn granted(template: &Template) -> BTreeMap<String, BTreeSet<Right>> {
    let rights = |function: &local::template::Function| {
        let statements = function.statements.iter();
        let pairs = statements.flat_map(|statement| {
            statement.actions.iter().flat_map(|action| {
                let resources = statement.resources.iter();
                resources.map(|resource| (action.clone(), resource.clone()))
            })
        });
        pairs.collect()
    };
    let functions = template.functions.iter();
    functions
        .map(|function| (function.binary.clone(), rights(function)))
        .collect()
}

/// Each function signs with an access key of its own name.
fn used(seen: &[SeenRequest]) -> BTreeMap<String, BTreeSet<Right>> {
    let mut used: BTreeMap<String, BTreeSet<Right>> = BTreeMap::new();
    for request in seen {
        assert_ne!(request.service, Service::Other, "{request:?}");
        assert!(!request.accesses.is_empty(), "{}", request.operation);
        let by = request.access_key_id.clone().expect("it is signed");
        let rights = request.accesses.iter();
        let rights = rights.map(|access| (access.action.clone(), resource(request, access)));
        used.entry(by).or_default().extend(rights);
    }
    used
}

fn resource(request: &SeenRequest, access: &Access) -> String {
    match (request.service, &access.index) {
        (Service::SecretsManager, _) => {
            // Secrets Manager puts six characters behind the name.
            let name = &access.name;
            format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-a1b2c3")
        }
        (_, None) => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}", access.name),
        (_, Some(index)) => format!(
            "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}/index/{index}",
            access.name
        ),
    }
}

/// Whether a resource is one of those that a policy names, with a star at the end or without.
fn matches(pattern: &str, resource: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == resource, |start| resource.starts_with(start))
}
