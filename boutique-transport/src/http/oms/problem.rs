//! The desk's refusals as problems.

use axum::http::StatusCode;
use boutique_core::orders::{Contradiction, DeskRejection, LineRefusal};

use crate::http::problem::Problem;

impl From<DeskRejection> for Problem {
    fn from(rejection: DeskRejection) -> Self {
        use DeskRejection as R;
        let status = match &rejection {
            R::UnknownOrder(_) | R::UnknownLetter(_) => StatusCode::NOT_FOUND,
            R::Refused(why) => match why {
                Contradiction::NoLines => StatusCode::BAD_REQUEST,
                Contradiction::Line { why, .. } => match why {
                    LineRefusal::Unknown(_) | LineRefusal::Bought(_) | LineRefusal::Refund(_) => {
                        StatusCode::BAD_REQUEST
                    }
                    LineRefusal::NotShipped | LineRefusal::Left(_) => StatusCode::CONFLICT,
                },
                _ => StatusCode::CONFLICT,
            },
            R::Changed(_) | R::StillRefused(_) => StatusCode::CONFLICT,
        };
        let problem = Self::rejection(status, &rejection);
        match rejection {
            R::Refused(Contradiction::NoLines) => problem.about("lines"),
            R::Refused(Contradiction::Line { at, why }) => {
                let name = match why {
                    LineRefusal::Unknown(_) | LineRefusal::NotShipped => "line",
                    LineRefusal::Bought(_) | LineRefusal::Left(_) => "quantity",
                    LineRefusal::Refund(_) => "refund",
                };
                problem.about(format!("lines[{at}].{name}"))
            }
            _ => problem,
        }
    }
}
