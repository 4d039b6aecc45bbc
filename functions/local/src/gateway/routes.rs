//! Which function a request goes to.

use std::collections::BTreeMap;

use http::Method;

use crate::template::Template;

/// All routes of the API.
pub struct Routes(Vec<Route>);

pub struct Route {
    /// The method and the path as the template has them, which is how API Gateway names a route.
    pub key: String,
    /// The binary of the function behind it.
    pub function: String,
    pub authorizer: Option<String>,
    method: String,
    pattern: Pattern,
}

/// A route that fits a request, with what stands in the place of its parameters.
pub struct Found<'a> {
    pub route: &'a Route,
    pub parameters: BTreeMap<String, String>,
}

enum Pattern {
    /// Takes whatever no other route takes.
    Default,
    Path(Vec<Segment>),
}

enum Segment {
    Static(String),
    Parameter(String),
    /// `{name+}`: the rest of the path.
    Rest(String),
}

/// How closely a route fits: by segment, then by method. The smaller, the closer.
type Closeness = (Vec<u8>, bool);

impl Routes {
    pub fn new(template: &Template) -> Self {
        let routes = template.functions.iter().flat_map(|function| {
            function.routes.iter().map(|route| Route {
                key: match route.path.as_str() {
                    "$default" => route.path.clone(),
                    path => format!("{} {path}", route.method),
                },
                function: function.binary.clone(),
                authorizer: route.authorizer.clone(),
                method: route.method.clone(),
                pattern: Pattern::new(&route.path),
            })
        });
        Self(routes.collect())
    }

    /// The route that fits best: what is spelled out wins over a parameter, and a parameter over the rest of a path.
    pub fn find(&self, method: &Method, path: &str) -> Option<Found<'_>> {
        let fits = self.0.iter().filter_map(|route| {
            let (closeness, parameters) = route.fit(method, path)?;
            Some((closeness, Found { route, parameters }))
        });
        fits.min_by(|(a, _), (b, _)| a.cmp(b))
            .map(|(_, found)| found)
    }
}

impl Route {
    fn fit(&self, method: &Method, path: &str) -> Option<(Closeness, BTreeMap<String, String>)> {
        let any = self.method == "ANY";
        let mut parameters = BTreeMap::new();
        let segments = match &self.pattern {
            Pattern::Default => return Some(((vec![u8::MAX], true), parameters)),
            Pattern::Path(_) if !any && self.method != method.as_str() => return None,
            Pattern::Path(segments) => segments,
        };
        let mut ranks = Vec::with_capacity(segments.len());
        let mut rest = Some(path.strip_prefix('/')?);
        for segment in segments {
            let remaining = rest?;
            let (here, after) = match remaining.split_once('/') {
                Some((here, after)) => (here, Some(after)),
                None => (remaining, None),
            };
            match segment {
                Segment::Static(text) if text == here => ranks.push(0),
                Segment::Parameter(name) if !here.is_empty() => {
                    ranks.push(1);
                    parameters.insert(name.clone(), here.to_owned());
                }
                Segment::Rest(name) if !remaining.is_empty() => {
                    ranks.push(2);
                    parameters.insert(name.clone(), remaining.to_owned());
                    return Some(((ranks, any), parameters));
                }
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(((ranks, any), parameters))
    }
}

impl Pattern {
    fn new(path: &str) -> Self {
        let Some(path) = path.strip_prefix('/') else {
            return Self::Default;
        };
        let segment = |text: &str| match text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
        {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Segment::Rest(name.to_owned()),
                None => Segment::Parameter(name.to_owned()),
            },
            None => Segment::Static(text.to_owned()),
        };
        Self::Path(path.split('/').map(segment).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> Routes {
        let route = |key: &&str| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            Route {
                key: (*key).to_owned(),
                function: String::new(),
                authorizer: None,
                method: method.to_owned(),
                pattern: Pattern::new(path),
            }
        };
        Routes(keys.iter().map(route).collect())
    }

    fn found(routes: &Routes, method: Method, path: &str) -> String {
        match routes.find(&method, path) {
            Some(found) => format!("{} {:?}", found.route.key, found.parameters),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn the_closest_route_wins_whatever_the_order() {
        let routes = routes(&[
            "GET /a/{rest+}",
            "ANY /a/{id}",
            "GET /a/{id}",
            "GET /a/all",
            "GET /a/{id}/b",
            "GET /a/all/{x}",
        ]);
        let get = |path| found(&routes, Method::GET, path);
        assert_eq!(get("/a/all"), "GET /a/all {}");
        assert_eq!(get("/a/1"), r#"GET /a/{id} {"id": "1"}"#);
        assert_eq!(get("/a/1/b"), r#"GET /a/{id}/b {"id": "1"}"#);
        assert_eq!(get("/a/all/b"), r#"GET /a/all/{x} {"x": "b"}"#);
        assert_eq!(get("/a/1/c/d"), r#"GET /a/{rest+} {"rest": "1/c/d"}"#);
        assert_eq!(
            found(&routes, Method::PUT, "/a/1"),
            r#"ANY /a/{id} {"id": "1"}"#
        );
    }

    #[test]
    fn what_fits_no_route_is_not_found() {
        let routes = routes(&["GET /a", "GET /a/{id}", "GET /a/{id}/b"]);
        for path in [
            "", "*", "/", "a", "/A", "/a/", "//a", "/a//b", "/a/1/", "/a/1/b/", "/a/1/c", "/b",
        ] {
            assert_eq!(found(&routes, Method::GET, path), "none", "{path}");
        }
        assert_eq!(found(&routes, Method::POST, "/a"), "none");
        assert_eq!(found(&routes, Method::HEAD, "/a"), "none");
    }

    #[test]
    fn the_default_route_takes_the_rest() {
        let routes = routes(&["$default", "GET /a/{rest+}"]);
        assert_eq!(
            found(&routes, Method::GET, "/a/1"),
            r#"GET /a/{rest+} {"rest": "1"}"#
        );
        assert_eq!(found(&routes, Method::GET, "/b"), "$default {}");
        assert_eq!(found(&routes, Method::DELETE, "*"), "$default {}");
    }
}
