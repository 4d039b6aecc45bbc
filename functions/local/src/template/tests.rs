//! The reader on small templates, and on the real one.

#![allow(clippy::unwrap_used)]

use super::*;

const SMALL: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Environment: {Type: String, Default: prod}
  Limit: {Type: Number, Default: 0}
Conditions:
  Limited: !Not [!Equals [!Ref Limit, 0]]
  Both: !And [!Condition Limited, {"Fn::Equals": [!Ref Environment, prod]}]
Globals:
  Function:
    Timeout: 10
    Environment:
      Variables:
        TABLE: !Ref Things
        PREFIX: !Sub steward/${Environment}
        KEY: !Sub "{{resolve:secretsmanager:${Key}}}"
        LIMIT: !If [Limited, !Ref Limit, none]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Bearer
        Authorizers:
          Bearer:
            FunctionArn: !GetAtt Authorize.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            Identity: {Headers: [Authorization], ReauthorizeEvery: 60}
  Authorize:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: target/lambda/authorize/}
  ThingsRead:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/things-read/
      MemorySize: 256
      Environment: {Variables: {PREFIX: own, NUMBER: 7}}
      Policies:
        - Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: dynamodb:Query, Resource: !GetAtt Things.Arn}
            - Effect: Allow
              Action: [dynamodb:Query]
              Resource: [!Sub "${Things.Arn}/index/*", !Join ["", ["a", !Ref "AWS::Region"]]]
      Events:
        Read:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: get, Path: "/things/{id}"}
        Open:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: /open, Auth: {Authorizer: NONE}}
        Tick:
          Type: Schedule
          Properties: {Schedule: rate(5 minutes), Input: '{"a":1}'}
  Missing:
    Type: AWS::Serverless::Function
    Condition: Both
    Properties: {CodeUri: never/}
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: !If [Limited, {StreamViewType: KEYS_ONLY}, !Ref "AWS::NoValue"]
  Key:
    Type: AWS::SecretsManager::Secret
"#;

fn parse(text: &str) -> Result<Template> {
    Template::parse(text, &BTreeMap::new())
}

#[test]
fn a_template_is_read() {
    let template = parse(SMALL).unwrap();
    let ids: Vec<_> = template
        .functions
        .iter()
        .map(|function| function.id.as_str())
        .collect();
    assert_eq!(
        ids,
        ["Authorize", "ThingsRead"],
        "a resource whose condition fails is not there"
    );

    let function = template.function("ThingsRead").unwrap();
    assert_eq!(function.binary, "things-read");
    assert_eq!(
        (function.memory_mb, function.timeout),
        (256, Duration::from_secs(10))
    );
    let environment: Vec<_> = function
        .environment
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        environment,
        [
            (
                "KEY",
                "{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:000000000000:secret:local-Key}}"
            ),
            ("LIMIT", "none"),
            ("NUMBER", "7"),
            ("PREFIX", "own"),
            ("TABLE", "local-Things"),
        ]
    );
    let route = |path: &str, authorizer: Option<&str>| Route {
        method: "GET".to_owned(),
        path: path.to_owned(),
        authorizer: authorizer.map(str::to_owned),
    };
    assert_eq!(
        function.routes,
        [route("/things/{id}", Some("Bearer")), route("/open", None)]
    );
    let schedule = Schedule {
        every: Duration::from_secs(300),
        input: Some(serde_json::json!({ "a": 1 })),
    };
    assert_eq!(function.schedules, [schedule]);
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/local-Things";
    assert_eq!(function.statements[0].resources, [table]);
    assert_eq!(function.statements[0].actions, ["dynamodb:Query"]);
    assert_eq!(
        function.statements[1].resources,
        [format!("{table}/index/*"), "aus-east-1".to_owned()]
    );
    assert_eq!(
        template.authorizers,
        [Authorizer {
            name: "Bearer".to_owned(),
            function: "Authorize".to_owned(),
            identity: vec![IdentitySource::Header("authorization".to_owned())],
            ttl: Duration::from_secs(60),
        }]
    );
    assert_eq!(template.tables[0].name, "local-Things");
    assert!(
        !template.tables[0]
            .properties
            .contains_key("StreamSpecification"),
        "AWS::NoValue leaves nothing"
    );
}

#[test]
fn given_parameters_stand_over_the_defaults() {
    let given = BTreeMap::from([("Limit".to_owned(), "3".to_owned())]);
    let template = Template::parse(SMALL, &given).unwrap();
    assert_eq!(
        template.function("ThingsRead").unwrap().environment["LIMIT"],
        "3"
    );
    assert_eq!(template.function("Missing").unwrap().binary, "never");
    assert!(
        template.tables[0]
            .properties
            .contains_key("StreamSpecification")
    );

    let unknown = BTreeMap::from([("Nothing".to_owned(), String::new())]);
    let error = Template::parse(SMALL, &unknown).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template.yaml, Parameters: there is no parameter Nothing"
    );
}

/// Every mistake is told with its place; nothing is left out in silence.
#[test]
fn what_is_not_understood_is_an_error_with_its_place() {
    for (from, to, place, problem) in [
        (
            "rate(5 minutes)",
            "cron(0 * * * ? *)",
            "ThingsRead.Properties.Events.Tick",
            "no rate",
        ),
        (
            "rate(5 minutes)",
            "rate(1 minutes)",
            "ThingsRead.Properties.Events.Tick",
            "no rate",
        ),
        (
            "Type: Schedule",
            "Type: SQS",
            "ThingsRead.Properties.Events.Tick",
            "type of event",
        ),
        (
            "!Ref Things",
            "!Ref Thing",
            "Variables.TABLE !Ref",
            "Thing is neither",
        ),
        (
            "!Ref Things",
            "!ImportValue Things",
            "Variables.TABLE !ImportValue",
            "not understood",
        ),
        (
            "${Environment}",
            "${Environment",
            "Variables.PREFIX !Sub",
            "without its }",
        ),
        (
            "!GetAtt Things.Arn",
            "!GetAtt Things.StreamArn",
            "Properties.Policies",
            "no such attribute",
        ),
        (
            "{Effect: Allow, A",
            "{Effect: Deny, A",
            "Properties.Policies",
            "only Allow",
        ),
        (
            "dynamodb:Query, R",
            "dynamodb:Query, NotR",
            "Properties.Policies",
            "NotResource",
        ),
        (
            "Authorizer: NONE",
            "Authorizer: Other",
            "GET /open",
            "no authorizer Other",
        ),
        ("/open", "\"/things/{id}\"", "GET /things/{id}", "twice"),
        (
            "\"2.0\"",
            "\"1.0\"",
            "Authorizers.Bearer",
            "only payload format 2.0",
        ),
        (
            "!GetAtt Authorize.Arn",
            "!GetAtt Nobody.Arn",
            "Authorizers.Bearer",
            "Nobody is neither",
        ),
        (
            "Headers: [",
            "Context: [",
            "Authorizers.Bearer",
            "unknown field `Context`",
        ),
        (
            "Limited, !Ref Limit",
            "Limit, !Ref Limit",
            "Variables.LIMIT !If",
            "no condition Limit",
        ),
        (
            "!Not [!Equals [!Ref Limit, 0]]",
            "!Condition Limited",
            "Conditions.Limited",
            "refers to itself",
        ),
        (
            "Timeout: 10",
            "Timeout: soon",
            "Properties.Timeout",
            "expected u32",
        ),
        (
            "CodeUri: target/lambda/authorize/",
            "CodeUri: /",
            "Authorize.Properties.CodeUri",
            "names no binary",
        ),
        (
            "  Things:",
            "  More: {Type: AWS::DynamoDB::GlobalTable}\n  Things:",
            "Resources.More",
            "not understood",
        ),
        (
            "Default: 0",
            "Description: x",
            "Parameters.Limit",
            "has no default",
        ),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let error = parse(&SMALL.replacen(from, to, 1)).expect_err(to);
        assert!(
            error.place.contains(place) || error.to_string().contains(place),
            "{to}: {error}"
        );
        assert!(error.problem.contains(problem), "{to}: {error}");
    }
}

/// The real template is understood as a whole.
#[test]
fn the_template_of_this_project_is_read() {
    let template = parse(include_str!("../../../../template.yaml")).unwrap();
    assert_eq!(template.tables.len(), 1);
    let routes = template
        .functions
        .iter()
        .flat_map(|function| &function.routes);
    assert!(
        routes
            .clone()
            .any(|route| route.method == "GET" && route.path == "/openapi.json")
    );
    let closed = routes.filter(|route| route.authorizer.is_some()).count();
    assert!(closed > 0, "no route asks for a key");
    assert!(
        template
            .functions
            .iter()
            .any(|function| !function.schedules.is_empty())
    );
    for function in &template.functions {
        assert!(
            function.environment.contains_key("STEWARD_TABLE"),
            "{}",
            function.id
        );
    }
}
