onmessage = ({ data }) => postMessage({ type: "reply", id: data.id });
