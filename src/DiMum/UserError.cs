namespace DiMum;

/// <summary>
/// A mistake that its user can mend: a missing file, a wrong shape, an unknown key, a full disk. The message is one clear line that names
/// the thing, what was expected and what to do. Programs print it without a stack trace and exit with code 2.
/// </summary>
public sealed class UserError : Exception
{
    public UserError(string message)
        : base(message) { }

    public UserError(string message, Exception inner)
        : base(message, inner) { }
}
