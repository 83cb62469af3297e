using DiMum.Cli;

return Commands.Invoke(args);
