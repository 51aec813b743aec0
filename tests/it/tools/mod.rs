//! The API by tools and clients that others wrote: the description is linted, the daemon is held to it, and the
//! change stream is followed by libraries of npm and PyPI. And the status page in a browser.

mod browser;
mod compressed;
mod copies;
mod dashboards;
mod deploy;
mod description;
mod followers;
mod prometheus;
mod relay;
mod servers;
mod status_page;
mod verbs;
