"""The storage paths: uploads in and downloads out, streamed in front of Django with flat memory."""
