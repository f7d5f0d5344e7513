//! The two shapes of a verb: a [`Step`] that is written, a [`Service`] that is composed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Service, ServiceExt};

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One verb of the domain: a request in, a response or an error out.
///
/// Implementers write `async fn run`; [`Step::into_service`] turns the step into a
/// [`tower::Service`] that is always ready, so that layers and transports can carry it.
pub trait Step<Request>: Send + Sync + 'static {
    /// What exists once the step has succeeded.
    type Response;
    /// Why it did not.
    type Error;

    /// Carries out `request`.
    fn run(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Wraps the step as a Tower service.
    fn into_service(self) -> StepService<Self>
    where
        Self: Sized,
    {
        StepService(Arc::new(self))
    }
}

/// A [`Step`] as a [`tower::Service`]. It is always ready: admission is a layer's job.
#[derive(Debug)]
pub struct StepService<S>(Arc<S>);

impl<S> StepService<S> {
    /// Shares a step that somebody else holds too.
    pub const fn shared(step: Arc<S>) -> Self {
        Self(step)
    }
}

impl<S> Clone for StepService<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, Request> Service<Request> for StepService<S>
where
    S: Step<Request>,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let step = Arc::clone(&self.0);
        Box::pin(async move { step.run(request).await })
    }
}

/// The mirror of [`Step`]: how one verb calls another, whatever carries it.
///
/// Every cloneable service is one. The clone is made ready, then called, so a permit taken by
/// a layer in `poll_ready` is spent by this call or dropped with it.
pub trait Ask<Request>: Send + Sync + 'static {
    /// What the service answers.
    type Response: Send;
    /// Why it could not.
    type Error: Send;

    /// Sends `request` and waits for the answer.
    fn ask(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;
}

impl<S, Request> Ask<Request> for S
where
    S: Service<Request, Response: Send, Error: Send, Future: Send> + Clone + Send + Sync + 'static,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;

    fn ask(&self, request: Request) -> impl Future<Output = Result<S::Response, S::Error>> + Send {
        ServiceExt::oneshot(self.clone(), request)
    }
}
