//! The table of routes: checked once, then asked for every request.

use std::borrow::Cow;
use std::time::Duration;

use super::path::{self, PathProblem};
use super::route::{Access, Method, Route};

/// Why routes are not a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTable {
    /// A route's name is empty, not of letters and digits, or another route's.
    #[error("route {0}: its name is not one of its own, of letters and digits")]
    Name(String),
    /// A path is no template.
    #[error(
        "route {0}: a path begins with / and has segments of unreserved characters or {{name}}"
    )]
    Path(String),
    /// The two paths of a route have different parameters.
    #[error("route {0}: its two paths must have the same parameters")]
    Params(String),
    /// Two routes could both be meant by one request.
    #[error("routes {0} and {1} overlap: one request could mean both")]
    Overlap(String, String),
    /// Two routes name the same place of a path differently.
    #[error("routes {0} and {1} name the same parameter differently")]
    ParamName(String, String),
    /// The owner of a route is not a parameter of its path.
    #[error("route {0}: its owner is not a parameter of its path")]
    Owner(String),
    /// A scope is empty or has a space.
    #[error("route {0}: a scope is one word")]
    Scope(String),
    /// A deadline is not between a millisecond and five minutes.
    #[error("route {0}: its deadline must be 1 ms to 5 min")]
    Deadline(String),
}

/// Why there is no route for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The path is refused, whatever routes there are.
    Malformed(PathProblem),
    /// There is no such path.
    NotFound,
    /// The path is there, for these methods.
    MethodNotAllowed(Vec<Method>),
}

/// The route of a request, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The route.
    pub route: &'a Route,
    /// Its place in the table: the same for every request.
    pub index: usize,
    /// The path at the upstream, encoded.
    pub upstream_path: String,
    /// Whose resource it is, where the route has an owner.
    pub owner: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// A parameter by its place among those of the public path.
    Param(usize),
}

/// Most templates have one or two parameters.
const PARAMS_MAX: usize = 4;

#[derive(Clone, Debug)]
struct Compiled {
    public: Vec<Segment>,
    upstream: Vec<Segment>,
    /// The parameter that names the owner.
    owner: Option<usize>,
}

/// Routes of which every request means at most one.
#[derive(Clone, Debug)]
pub struct RouteTable {
    routes: Vec<Route>,
    compiled: Vec<Compiled>,
}

impl RouteTable {
    /// Checks `routes` and makes them a table.
    ///
    /// # Errors
    ///
    /// [`InvalidTable`] names the route.
    pub fn new(routes: Vec<Route>) -> Result<Self, InvalidTable> {
        let compiled = routes.iter().map(compile).collect::<Result<Vec<_>, _>>()?;
        for (at, (route, this)) in routes.iter().zip(&compiled).enumerate() {
            for (other, that) in routes.iter().zip(&compiled).take(at) {
                if route.name == other.name {
                    return Err(InvalidTable::Name(route.name.to_string()));
                }
                // The same template may have several methods; different ones may not meet.
                let same = this.public == that.public && route.path == other.path;
                if overlap(&this.public, &that.public) && !(same && route.method != other.method) {
                    let names = (other.name.to_string(), route.name.to_string());
                    return Err(InvalidTable::Overlap(names.0, names.1));
                }
                if named_differently(&route.path, &other.path) {
                    let names = (other.name.to_string(), route.name.to_string());
                    return Err(InvalidTable::ParamName(names.0, names.1));
                }
            }
        }
        Ok(Self { routes, compiled })
    }

    /// The routes, in their order.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route that `method` and `path`, as it is on the wire and without query, mean.
    ///
    /// # Errors
    ///
    /// [`Miss`] says why there is none. Nothing is guessed: no segment is dropped, resolved or
    /// decoded twice.
    pub fn find<'a>(&'a self, method: Option<Method>, path: &'a str) -> Result<Resolved<'a>, Miss> {
        let Some(rest) = path.strip_prefix('/') else {
            return Err(Miss::NotFound);
        };
        // A path that means nothing here is still looked at: it is told what is wrong with it.
        let mut trailing = false;
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_none() {
                trailing = true;
            } else {
                path::decode(segment).map_err(Miss::Malformed)?;
            }
        }
        if trailing {
            return Err(Miss::NotFound);
        }
        let mut allowed = Vec::new();
        for (index, (route, compiled)) in self.routes.iter().zip(&self.compiled).enumerate() {
            let mut params = [""; PARAMS_MAX];
            if !matches(&compiled.public, rest, &mut params) {
                continue;
            }
            if method != Some(route.method) {
                allowed.push(route.method);
                continue;
            }
            let mut decoded: [Cow<'a, str>; PARAMS_MAX] = Default::default();
            for (place, raw) in decoded.iter_mut().zip(params).filter(|it| !it.1.is_empty()) {
                *place = path::decode(raw).map_err(Miss::Malformed)?;
            }
            let mut upstream_path = String::with_capacity(path.len() + 16);
            for segment in &compiled.upstream {
                upstream_path.push('/');
                match segment {
                    Segment::Literal(text) => upstream_path.push_str(text),
                    Segment::Param(at) => path::encode(&mut upstream_path, &decoded[*at]),
                }
            }
            let owner = compiled.owner.map(|at| std::mem::take(&mut decoded[at]));
            return Ok(Resolved {
                route,
                index,
                upstream_path,
                owner,
            });
        }
        if allowed.is_empty() {
            return Err(Miss::NotFound);
        }
        allowed.sort_unstable();
        Err(Miss::MethodNotAllowed(allowed))
    }
}

fn matches<'p>(template: &[Segment], path: &'p str, params: &mut [&'p str; PARAMS_MAX]) -> bool {
    let mut segments = path.split('/');
    for expected in template {
        match (expected, segments.next()) {
            (Segment::Literal(text), Some(segment)) if text == segment => {}
            (Segment::Param(at), Some(segment)) => params[*at] = segment,
            _ => return false,
        }
    }
    segments.next().is_none()
}

fn overlap(a: &[Segment], b: &[Segment]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Segment::Literal(a), Segment::Literal(b)) => a == b,
            _ => true,
        })
}

/// Whether two templates part ways at a parameter, rather than at a literal.
fn named_differently(a: &str, b: &str) -> bool {
    let parting = a.split('/').zip(b.split('/')).find(|(a, b)| a != b);
    parting.is_some_and(|(a, b)| a.starts_with('{') && b.starts_with('{'))
}

fn compile(route: &Route) -> Result<Compiled, InvalidTable> {
    let name = || route.name.to_string();
    if route.name.is_empty() || !route.name.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return Err(InvalidTable::Name(name()));
    }
    let mut params = Vec::new();
    let public = template(&route.path, |param| {
        let fresh = !params.contains(&param) && params.len() < PARAMS_MAX;
        params.push(param);
        fresh.then_some(params.len() - 1)
    });
    let public = public.ok_or_else(|| InvalidTable::Path(name()))?;
    let mut used = 0;
    let upstream = template(&route.upstream_path, |param| {
        used += 1;
        params.iter().position(|it| *it == param)
    });
    let upstream = upstream.ok_or_else(|| {
        let known = template(&route.upstream_path, |_| Some(0)).is_some();
        if known {
            InvalidTable::Params(name())
        } else {
            InvalidTable::Path(name())
        }
    })?;
    if used != params.len() {
        return Err(InvalidTable::Params(name()));
    }
    let mut owner = None;
    if let Access::Token { scopes, owner: of } = &route.access {
        let unless = of.iter().map(|it| &it.unless);
        if scopes
            .iter()
            .chain(unless)
            .any(|it| it.is_empty() || !it.bytes().all(|it| it.is_ascii_graphic()))
        {
            return Err(InvalidTable::Scope(name()));
        }
        if let Some(of) = of {
            let at = params.iter().position(|it| *it == of.param);
            owner = Some(at.ok_or_else(|| InvalidTable::Owner(name()))?);
        }
    }
    let allowed = Duration::from_millis(1)..=Duration::from_secs(300);
    if !allowed.contains(&route.deadline) {
        return Err(InvalidTable::Deadline(name()));
    }
    Ok(Compiled {
        public,
        upstream,
        owner,
    })
}

/// Reads a template; `place` says where a parameter is, or that it must not be there.
fn template<'a>(
    path: &'a str,
    mut place: impl FnMut(&'a str) -> Option<usize>,
) -> Option<Vec<Segment>> {
    let read = |segment: &'a str| {
        let param = segment
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'));
        match param {
            Some(param) => {
                let named = !param.is_empty() && param.bytes().all(|it| it.is_ascii_alphanumeric());
                named.then(|| place(param))?.map(Segment::Param)
            }
            None => {
                let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'~');
                let fits = !segment.is_empty() && segment.bytes().all(plain);
                fits.then(|| Segment::Literal(segment.to_owned()))
            }
        }
    };
    path.strip_prefix('/')?.split('/').map(read).collect()
}
