//! A table of the template as the requests that make it. `CloudFormation` and DynamoDB name most properties alike; here
//! is where they do not.

use serde_json::{Map, Value as Json, json};

use crate::template::{Table, TemplateError};

/// What DynamoDB takes in `CreateTable` under the same name and with the same meaning.
const SAME: [&str; 9] = [
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "TableClass",
    "Tags",
];

/// What makes no difference here: the name is read elsewhere, and the emulator has neither backups nor policies.
const WITHOUT_EFFECT: [&str; 5] = [
    "TableName",
    "ContributorInsightsSpecification",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "ResourcePolicy",
];

impl Table {
    /// The body of `CreateTable`.
    pub fn create_request(&self) -> Result<Json, TemplateError> {
        let mut request = Map::new();
        request.insert("TableName".to_owned(), json!(self.name));
        for (name, value) in &self.properties {
            match name.as_str() {
                name if SAME.contains(&name) => {
                    request.insert(name.to_owned(), value.clone());
                }
                "SSESpecification" => {
                    request.insert(name.clone(), self.encryption(value)?);
                }
                "StreamSpecification" => {
                    // The template has a stream by describing it; the request has to say so as well.
                    let mut stream = self.object(name, value)?.clone();
                    stream.insert("StreamEnabled".to_owned(), json!(true));
                    request.insert(name.clone(), Json::Object(stream));
                }
                "TimeToLiveSpecification" => {}
                name if WITHOUT_EFFECT.contains(&name) => {}
                name => return Err(self.error(name, "is not understood here")),
            }
        }
        // The template's default is the other one.
        request
            .entry("BillingMode")
            .or_insert_with(|| json!("PROVISIONED"));
        Ok(Json::Object(request))
    }

    /// The body of `UpdateTimeToLive`, if items of the table expire.
    pub fn expiry_request(&self) -> Result<Option<Json>, TemplateError> {
        const PROPERTY: &str = "TimeToLiveSpecification";
        let Some(specification) = self.properties.get(PROPERTY) else {
            return Ok(None);
        };
        let specification = self.object(PROPERTY, specification)?;
        if specification.get("Enabled") != Some(&json!(true)) {
            return Ok(None);
        }
        Ok(Some(
            json!({ "TableName": self.name, PROPERTY: specification }),
        ))
    }

    fn encryption(&self, value: &Json) -> Result<Json, TemplateError> {
        let mut renamed = Map::new();
        for (key, value) in self.object("SSESpecification", value)? {
            let key = if key == "SSEEnabled" { "Enabled" } else { key };
            renamed.insert(key.to_owned(), value.clone());
        }
        Ok(Json::Object(renamed))
    }

    fn object<'a>(
        &self,
        property: &str,
        value: &'a Json,
    ) -> Result<&'a Map<String, Json>, TemplateError> {
        value
            .as_object()
            .ok_or_else(|| self.error(property, "must be a mapping"))
    }

    fn error(&self, property: &str, problem: &str) -> TemplateError {
        TemplateError {
            place: format!("Resources.{}.Properties.{property}", self.id),
            problem: problem.to_owned(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table(properties: Json) -> Table {
        Table {
            id: "T".to_owned(),
            name: "local-T".to_owned(),
            properties: properties.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn properties_become_requests() {
        let table = table(json!({
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "PK", "KeyType": "HASH" }],
            "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
            "SSESpecification": { "SSEEnabled": true, "SSEType": "KMS" },
            "StreamSpecification": { "StreamViewType": "KEYS_ONLY" },
            "TimeToLiveSpecification": { "AttributeName": "expiresAt", "Enabled": true },
        }));
        assert_eq!(
            table.create_request().unwrap(),
            json!({
                "TableName": "local-T",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{ "AttributeName": "PK", "KeyType": "HASH" }],
                "SSESpecification": { "Enabled": true, "SSEType": "KMS" },
                "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" },
            })
        );
        assert_eq!(
            table.expiry_request().unwrap(),
            Some(json!({
                "TableName": "local-T",
                "TimeToLiveSpecification": { "AttributeName": "expiresAt", "Enabled": true },
            }))
        );
    }

    #[test]
    fn a_property_that_is_not_understood_is_named() {
        let error = table(json!({ "ImportSourceSpecification": {} }))
            .create_request()
            .unwrap_err();
        assert_eq!(
            error.place,
            "Resources.T.Properties.ImportSourceSpecification"
        );
        let error = table(json!({ "SSESpecification": true }))
            .create_request()
            .unwrap_err();
        assert_eq!(error.place, "Resources.T.Properties.SSESpecification");
    }

    #[test]
    fn a_table_without_expiry_asks_for_none() {
        let off = json!({ "TimeToLiveSpecification": { "AttributeName": "a", "Enabled": false } });
        assert_eq!(table(off).expiry_request().unwrap(), None);
        assert_eq!(table(json!({})).expiry_request().unwrap(), None);
    }
}
