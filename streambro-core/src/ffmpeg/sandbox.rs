//! What a child may touch: its input, what it needs to start, and nothing else.

/// How much of the sandbox around ffmpeg must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sandbox {
    /// None of it.
    Off,
    /// What the system has.
    #[default]
    BestEffort,
}

/// The sandbox of one launch.
#[derive(Clone, Debug, Default)]
pub(crate) struct SandboxPlan {
    /// How much of it must hold.
    pub(crate) sandbox: Sandbox,
}
