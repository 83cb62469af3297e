using DiMum.Cli;

NativeSettings.Ensure(args);
return Commands.Invoke(args);
